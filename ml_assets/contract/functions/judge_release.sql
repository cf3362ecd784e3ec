CREATE OR REPLACE FUNCTION :"meta".judge_release() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.state NOT IN ('ready', 'blocked') THEN
        -- What is live, and what was, is for show_release and retire_releases to say.
        RAISE check_violation USING MESSAGE = format('a release cannot be born %s', NEW.state);
    END IF;
    NEW.stale_at := :"meta".stale_moment(NEW.subject, NEW.data_as_of);
    RETURN NEW;
END
$$;

REVOKE EXECUTE ON FUNCTION :"meta".judge_release() FROM PUBLIC;

CREATE OR REPLACE TRIGGER judge_release BEFORE INSERT OR UPDATE OF state, subject, data_as_of ON :"meta".releases
FOR EACH ROW EXECUTE FUNCTION :"meta".judge_release();
