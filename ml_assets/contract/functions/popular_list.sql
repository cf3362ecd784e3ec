CREATE OR REPLACE FUNCTION :"meta".popular_list()
RETURNS TABLE (release_id bigint, item_ids :item_id_type[], scores real[])
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    subject text := 'popular_items';
    live bigint := :"meta".live_release(subject);
BEGIN
    RETURN QUERY
    SELECT t.release_id, t.item_ids, t.scores
    FROM :"store".popular_items AS t
    WHERE t.scope = 'all' AND t.release_id = live;
END
$$;

COMMENT ON FUNCTION :"meta".popular_list() IS 'What sells best, at full depth.';
GRANT EXECUTE ON FUNCTION :"meta".popular_list() TO PUBLIC;
