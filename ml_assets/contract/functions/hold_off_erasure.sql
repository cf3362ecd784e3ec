-- Taken in the transaction around every file with customers: erasing takes the lock alone. A lock on a table, because
-- advisory ones can be taken by whoever may connect.

CREATE OR REPLACE FUNCTION :"meta".hold_off_erasure() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    LOCK TABLE :"meta".erased_customers IN ROW EXCLUSIVE MODE;
END
$$;

COMMENT ON FUNCTION :"meta".hold_off_erasure()
IS 'Until the end of the transaction nobody is erased; several may hold it.';
REVOKE EXECUTE ON FUNCTION :"meta".hold_off_erasure() FROM PUBLIC;
