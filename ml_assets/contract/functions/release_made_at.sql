CREATE OR REPLACE FUNCTION :"meta".release_made_at(of_release bigint) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.predicted_at FROM :"meta".releases AS r WHERE r.release_id = of_release
$$;

COMMENT ON FUNCTION :"meta".release_made_at(bigint) IS 'When the lists of a release were made.';
GRANT EXECUTE ON FUNCTION :"meta".release_made_at(bigint) TO PUBLIC;
