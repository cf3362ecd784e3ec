-- For views, which may call nothing that is VOLATILE without losing what the planner may do with them.

CREATE OR REPLACE FUNCTION :"meta".forget_plans() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM :"meta".discard_plans();
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE serialization_failure USING
            MESSAGE = 'another release went live at the moment at which this transaction began',
            HINT = 'Run the transaction again.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION :"meta".forget_plans() IS 'Let this session plan anew what it has prepared: true, or a serialization failure where a snapshot is kept.';
GRANT EXECUTE ON FUNCTION :"meta".forget_plans() TO PUBLIC;
