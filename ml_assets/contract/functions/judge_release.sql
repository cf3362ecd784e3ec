CREATE OR REPLACE FUNCTION :"meta".judge_release() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.stale_at := :"meta".stale_moment(NEW.subject, NEW.data_as_of);
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER judge_release BEFORE INSERT OR UPDATE OF state, subject, data_as_of ON :"meta".releases
FOR EACH ROW EXECUTE FUNCTION :"meta".judge_release();
