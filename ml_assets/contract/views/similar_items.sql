CREATE OR REPLACE VIEW :"ml".similar_items AS
SELECT
    t.item_id,
    v.rank::integer AS rank,
    t.item_ids[v.place] AS similar_item_id,
    t.scores[v.place] AS score,
    r.data_as_of,
    r.release_id
FROM :"store".similar_items AS t
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
WHERE r.release_id = :"meta".live_release('similar_items')
    AND CASE WHEN r.state = 'live' THEN true ELSE :"meta".forget_plans() END;

COMMENT ON VIEW :"ml".similar_items IS 'For every item, the items most like it.';
COMMENT ON COLUMN :"ml".similar_items.item_id IS 'The item looked at.';
COMMENT ON COLUMN :"ml".similar_items.rank IS '1 is best; lists have no gaps.';
COMMENT ON COLUMN :"ml".similar_items.similar_item_id IS 'An item like it.';
COMMENT ON COLUMN :"ml".similar_items.score IS 'Higher is better; comparable within one list only.';
COMMENT ON COLUMN :"ml".similar_items.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".similar_items.release_id IS 'The release it belongs to; see ml.releases.';
