CREATE OR REPLACE VIEW :"ml".popular_items AS
SELECT
    t.scope,
    v.rank::integer AS rank,
    t.item_ids[v.place] AS item_id,
    t.scores[v.place] AS score,
    r.data_as_of,
    r.release_id
FROM :"store".popular_items AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
CROSS JOIN LATERAL unnest(
    ARRAY(
        SELECT u.place
        FROM (
            SELECT unnest(t.item_ids) AS item_id, generate_series(1, cardinality(t.item_ids)) AS place
        ) AS u
        WHERE (
            SELECT true
            FROM :"meta".hidden_items AS h
            WHERE h.item_id = u.item_id AND h.placement IS NULL
                AND now() >= h.valid_from AND now() < h.valid_until
            LIMIT 1
        ) IS NULL
        LIMIT r.k
    )
) WITH ORDINALITY AS v (place, rank)
WHERE r.release_id = :"meta".live_release('popular_items')
    AND CASE WHEN r.state = 'live' THEN true ELSE :"meta".forget_plans() END;

COMMENT ON VIEW :"ml".popular_items IS 'What sells best, for everybody and by category; also the list for unknown customers.';
COMMENT ON COLUMN :"ml".popular_items.scope IS 'all, or a category.';
COMMENT ON COLUMN :"ml".popular_items.rank IS '1 is best; lists have no gaps.';
COMMENT ON COLUMN :"ml".popular_items.item_id IS 'What sells.';
COMMENT ON COLUMN :"ml".popular_items.score IS 'Higher is better; comparable within one list only.';
COMMENT ON COLUMN :"ml".popular_items.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".popular_items.release_id IS 'The release it belongs to; see ml.releases.';
