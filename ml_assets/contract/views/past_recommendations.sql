-- What was live before, as it was published, or as it was made anew last. A row is here as long as retention keeps its
-- release.

CREATE OR REPLACE VIEW :"ml".past_recommendations AS
SELECT
    t.release_id,
    t.customer_id,
    t.placement,
    v.rank::integer AS rank,
    t.item_ids[v.rank] AS item_id,
    t.scores[v.rank] AS score,
    r.source_words[t.sources[v.rank]] AS source,
    r.reason_words[t.reasons[v.rank]] AS reason_code,
    array_remove(ARRAY[t.reason_items_1[v.rank], t.reason_items_2[v.rank]], NULL) AS reason_items,
    r.data_as_of,
    coalesce(t.rescored_at, r.predicted_at) AS predicted_at,
    r.model_version,
    t.propensities[v.rank] AS propensity
FROM :"store".recommendations AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
CROSS JOIN LATERAL generate_series(1, least(r.k, cardinality(t.item_ids))) AS v (rank)
WHERE EXISTS (
        SELECT FROM :"meta".live_history AS h WHERE h.subject = 'recommendations' AND h.release_id = t.release_id
    )
    AND NOT EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = t.customer_id);

COMMENT ON VIEW :"ml".past_recommendations IS 'Every kept release that was ever live, without rules; lists that others took the place of are in replaced_recommendations.';
COMMENT ON COLUMN :"ml".past_recommendations.release_id IS 'The release it belongs to; see ml.releases.';
COMMENT ON COLUMN :"ml".past_recommendations.customer_id IS 'Who received it.';
COMMENT ON COLUMN :"ml".past_recommendations.placement IS 'The list.';
COMMENT ON COLUMN :"ml".past_recommendations.rank IS '1 is best.';
COMMENT ON COLUMN :"ml".past_recommendations.item_id IS 'What was recommended.';
COMMENT ON COLUMN :"ml".past_recommendations.score IS 'Higher is better; comparable within one list only.';
COMMENT ON COLUMN :"ml".past_recommendations.source IS 'The method that found the item.';
COMMENT ON COLUMN :"ml".past_recommendations.reason_code IS 'Why, as a word.';
COMMENT ON COLUMN :"ml".past_recommendations.reason_items IS 'Up to two items the customer bought that explain it.';
COMMENT ON COLUMN :"ml".past_recommendations.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".past_recommendations.predicted_at IS 'When it was computed and published.';
COMMENT ON COLUMN :"ml".past_recommendations.model_version IS 'The model that made it; see ml_meta.models.';
COMMENT ON COLUMN :"ml".past_recommendations.propensity IS 'Probability with which the item is among those published for this list; NULL where the list does not explore.';
