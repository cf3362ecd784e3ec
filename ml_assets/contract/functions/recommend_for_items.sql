CREATE OR REPLACE FUNCTION :"ml".recommend_for_items(item_ids :item_id_type[], k integer DEFAULT NULL)
RETURNS TABLE (
    rank integer, item_id :item_id_type, score double precision, source text, reason_code text,
    reason_items :item_id_type[], reason_text text, data_as_of date, release_id bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    wanted CONSTANT integer := CASE WHEN k < 0 THEN 0 ELSE k END;
    subject text := 'similar_items';
    live bigint := :"meta".live_release(subject);
    basket CONSTANT :item_id_type[] := array_remove(coalesce(item_ids, '{}'), NULL);
BEGIN
    IF live IS NULL THEN
        PERFORM :"meta".tell_not_made(subject);
    END IF;
    RETURN QUERY
    WITH votes AS (
        SELECT u.item_id, sum(u.score::float8) AS score,
            (array_agg(t.item_id ORDER BY u.score DESC, t.item_id))[:2] AS because
        FROM :"store".similar_items AS t
        CROSS JOIN LATERAL unnest(t.item_ids, t.scores) AS u (item_id, score)
        WHERE t.release_id = live
            AND t.item_id = ANY (basket)
            AND u.item_id <> ALL (basket)
        GROUP BY u.item_id
    ),
    pool AS (
        SELECT v.item_id, v.score, 'similar' AS source, 'because_you_bought' AS code, v.because,
            live AS release_id, 0 AS tier, v.score AS strength
        FROM votes AS v
        UNION ALL
        SELECT c.item_id, NULL, 'popular', 'popular', NULL, p.release_id, 1, -c.place::float8
        FROM :"meta".popular_list() AS p
        CROSS JOIN LATERAL unnest(p.item_ids) WITH ORDINALITY AS c (item_id, place)
        WHERE c.item_id <> ALL (basket)
            AND NOT EXISTS (SELECT FROM votes AS v WHERE v.item_id = c.item_id)
    ),
    shown AS (
        SELECT p.*, row_number() OVER (ORDER BY p.tier, p.strength DESC, p.item_id) AS rank
        FROM pool AS p
        WHERE NOT EXISTS (
            SELECT FROM :"meta".hidden_items AS h
            WHERE h.item_id = p.item_id AND h.placement IS NULL
                AND now() >= h.valid_from AND now() < h.valid_until
        )
        ORDER BY rank
        LIMIT coalesce(
            wanted,
            (SELECT r.k FROM :"meta".releases AS r WHERE r.release_id = live),
            (:"meta".release_of_popular_list()).k
        )
    )
    SELECT s.rank::integer, s.item_id, s.score, s.source, s.code, coalesce(s.because, '{}'),
        :"meta".reason_text(s.code, s.because[1], s.because[2]),
        r.data_as_of, s.release_id
    FROM shown AS s
    JOIN :"meta".releases AS r ON r.release_id = s.release_id
    ORDER BY s.rank;
END
$$;

COMMENT ON FUNCTION :"ml".recommend_for_items(:item_id_type[], integer)
IS 'The k items that go best with some others, such as a basket; filled up with popular items.';
REVOKE EXECUTE ON FUNCTION :"ml".recommend_for_items(:item_id_type[], integer) FROM PUBLIC;
