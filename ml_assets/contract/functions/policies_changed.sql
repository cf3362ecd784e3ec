CREATE OR REPLACE FUNCTION :"meta".policies_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM :"meta".judge_releases(CASE TG_OP WHEN 'DELETE' THEN OLD.subject ELSE NEW.subject END);
    IF TG_OP = 'UPDATE' AND OLD.subject <> NEW.subject THEN
        PERFORM :"meta".judge_releases(OLD.subject);
    END IF;
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION :"meta".policies_changed() FROM PUBLIC;

CREATE OR REPLACE TRIGGER policies_changed AFTER INSERT OR UPDATE OR DELETE ON :"meta".freshness_policies
FOR EACH ROW EXECUTE FUNCTION :"meta".policies_changed();
