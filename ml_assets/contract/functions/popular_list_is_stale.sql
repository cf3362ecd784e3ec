CREATE OR REPLACE FUNCTION :"meta".popular_list_is_stale() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(now() + h.clock_shift > (:"meta".release_of_popular_list()).stale_at, false)
    FROM :"meta".shop AS h
$$;

COMMENT ON FUNCTION :"meta".popular_list_is_stale() IS 'Whether even the popular items are older than the shop allows.';
GRANT EXECUTE ON FUNCTION :"meta".popular_list_is_stale() TO PUBLIC;
