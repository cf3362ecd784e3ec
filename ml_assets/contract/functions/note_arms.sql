-- ml.recommend finds the arm of a customer in one row of one table: joining three for every read took longer than all the
-- rest of experiments.

CREATE OR REPLACE FUNCTION :"meta".note_arms() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE :"meta".experiments AS e
    SET layer_salt = (SELECT l.salt FROM :"meta".experiment_layers AS l WHERE l.layer = e.layer),
        arms_below = ARRAY(
            SELECT a.drawn_below FROM :"meta".experiment_arms AS a
            WHERE a.experiment = e.experiment ORDER BY a.drawn_below
        ),
        arms_see = ARRAY(
            SELECT CASE WHEN num_nonnulls(e.segment_key, e.min_orders) > 0 THEN '?' || e.experiment || ':' ELSE '' END
                || CASE
                    WHEN a.list IN ('none', 'popular') THEN a.list
                    WHEN a.list = 'live' THEN NULL
                    WHEN a.list LIKE 'rules:%' THEN 'rules:' || a.experiment || '.' || a.arm
                    ELSE a.experiment || '.' || a.arm
                END
            FROM :"meta".experiment_arms AS a
            WHERE a.experiment = e.experiment ORDER BY a.drawn_below
        )
    WHERE e.experiment IN (OLD.experiment, NEW.experiment);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION :"meta".note_arms() IS 'Keeps arms_below and arms_see of an experiment as its arms say.';
REVOKE EXECUTE ON FUNCTION :"meta".note_arms() FROM PUBLIC;

CREATE OR REPLACE TRIGGER note_arms AFTER INSERT OR UPDATE OR DELETE ON :"meta".experiment_arms
FOR EACH ROW EXECUTE FUNCTION :"meta".note_arms();
