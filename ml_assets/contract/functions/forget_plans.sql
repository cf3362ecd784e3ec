-- For views, which may call nothing that is VOLATILE without losing what the planner may do with them.

CREATE OR REPLACE FUNCTION :"meta".forget_plans() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN :"meta".discard_plans();
END
$$;

COMMENT ON FUNCTION :"meta".forget_plans() IS 'Let this session plan anew what it has prepared; true.';
