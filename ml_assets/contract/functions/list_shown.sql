-- Asked by ml.recommend only while an experiment runs; EXPERIMENT.ARM is a list that was made for that arm, and
-- rules:EXPERIMENT.ARM the live one under the rules of that arm. Who is in no experiment of the list sees the live one. It says of each customer what ml.assign_arm says, in one query instead of
-- many, because it stands in the way of every read. It runs with
-- the rights and the search path of ml.recommend: setting them again takes longer than the rest.

CREATE OR REPLACE FUNCTION :"meta".list_shown(customer :customer_id_type, in_placement text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    drawn record;
BEGIN
    -- The hold-out first: who is held out is in no other.
    FOR drawn IN
        SELECT e.experiment, e.placement, e.segment_key, e.min_orders, a.arm, a.list
        FROM :"meta".experiments AS e
        CROSS JOIN LATERAL (
            SELECT a.arm, a.list FROM :"meta".experiment_arms AS a
            WHERE a.experiment = e.experiment AND a.drawn_below > :"meta".place_of(e.salt, customer::text)
            ORDER BY a.drawn_below
            LIMIT 1
        ) AS a
        WHERE e.serving_since IS NOT NULL AND e.stopped_at IS NULL AND now() < e.ends_at
            AND (e.placement = in_placement OR e.placement IS NULL)
            AND (e.slice_from = 0 AND e.slice_until = 1 OR (
                SELECT d.place >= e.slice_from AND d.place < e.slice_until
                FROM (
                    SELECT :"meta".place_of(l.salt, customer::text) AS place
                    FROM :"meta".experiment_layers AS l WHERE l.layer = e.layer
                    OFFSET 0
                ) AS d
            ))
        ORDER BY e.placement NULLS FIRST
    LOOP
        IF drawn.list = 'live' THEN
            CONTINUE;
        END IF;
        IF EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = customer) THEN
            RETURN 'live';
        END IF;
        IF (drawn.segment_key IS NOT NULL OR drawn.min_orders IS NOT NULL) AND NOT EXISTS (
            SELECT FROM :"store".experiment_customers AS c
            WHERE c.experiment = drawn.experiment AND c.customer_id = customer
        ) THEN
            CONTINUE;
        END IF;
        RETURN CASE
            WHEN drawn.list IN ('none', 'popular') THEN drawn.list
            WHEN drawn.list LIKE 'rules:%' THEN 'rules:' || drawn.experiment || '.' || drawn.arm
            ELSE drawn.experiment || '.' || drawn.arm
        END;
    END LOOP;
    RETURN 'live';
END
$$;

COMMENT ON FUNCTION :"meta".list_shown(:customer_id_type, text) IS 'Which list a customer sees: live, none, popular, one made for an arm, or the live one under the rules of an arm.';
REVOKE EXECUTE ON FUNCTION :"meta".list_shown(:customer_id_type, text) FROM PUBLIC;
