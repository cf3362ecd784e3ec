CREATE OR REPLACE FUNCTION :"meta".release_of_popular_list() RETURNS :"meta".releases
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r FROM :"meta".popular_list() AS p JOIN :"meta".releases AS r ON r.release_id = p.release_id
$$;

COMMENT ON FUNCTION :"meta".release_of_popular_list() IS 'The release that stale lists are replaced from.';
GRANT EXECUTE ON FUNCTION :"meta".release_of_popular_list() TO PUBLIC;
