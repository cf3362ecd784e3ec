CREATE OR REPLACE FUNCTION :"meta".calendar_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM :"meta".judge_releases();
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION :"meta".calendar_changed() FROM PUBLIC;

CREATE OR REPLACE TRIGGER holidays_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON :"meta".holidays
FOR EACH STATEMENT EXECUTE FUNCTION :"meta".calendar_changed();

CREATE OR REPLACE TRIGGER calendar_changed AFTER UPDATE OF timezone, business_days ON :"meta".shop
FOR EACH ROW
WHEN ((OLD.timezone, OLD.business_days) IS DISTINCT FROM (NEW.timezone, NEW.business_days))
EXECUTE FUNCTION :"meta".calendar_changed();
