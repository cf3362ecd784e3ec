CREATE OR REPLACE FUNCTION :"meta".refuse_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN :"meta".is_erased(NEW.customer_id::text) THEN NULL ELSE NEW END;
END
$$;

COMMENT ON FUNCTION :"meta".refuse_erased() IS 'Silently leaves out rows of erased customers.';
REVOKE EXECUTE ON FUNCTION :"meta".refuse_erased() FROM PUBLIC;

CREATE OR REPLACE TRIGGER refuse_erased BEFORE INSERT OR UPDATE ON :"meta".purchases
FOR EACH ROW EXECUTE FUNCTION :"meta".refuse_erased();

CREATE OR REPLACE TRIGGER refuse_erased BEFORE INSERT OR UPDATE ON :"meta".opt_outs
FOR EACH ROW EXECUTE FUNCTION :"meta".refuse_erased();

CREATE OR REPLACE TRIGGER refuse_erased BEFORE INSERT OR UPDATE ON :"meta".opt_outs_of_shop
FOR EACH ROW EXECUTE FUNCTION :"meta".refuse_erased();
