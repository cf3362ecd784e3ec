CREATE OR REPLACE FUNCTION :"meta".discard_plans() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DISCARD PLANS;
    RETURN true;
END
$$;

COMMENT ON FUNCTION :"meta".discard_plans() IS 'The work of forget_plans, which may not do it itself.';
REVOKE EXECUTE ON FUNCTION :"meta".discard_plans() FROM PUBLIC;
