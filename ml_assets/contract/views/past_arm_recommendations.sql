-- What customers of arms with lists of their own were shown, as it was published; as past_recommendations otherwise.

CREATE OR REPLACE VIEW :"ml".past_arm_recommendations AS
SELECT
    t.release_id,
    t.customer_id,
    t.placement,
    split_part(t.arm, '.', 1) AS experiment,
    split_part(t.arm, '.', 2) AS arm,
    v.rank::integer AS rank,
    t.item_ids[v.rank] AS item_id,
    t.scores[v.rank] AS score,
    r.source_words[t.sources[v.rank]] AS source,
    r.reason_words[t.reasons[v.rank]] AS reason_code,
    r.data_as_of,
    r.predicted_at,
    r.model_version,
    t.propensities[v.rank] AS propensity
FROM :"store".arm_recommendations AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
CROSS JOIN LATERAL generate_series(1, least(r.k, cardinality(t.item_ids))) AS v (rank)
WHERE EXISTS (
        SELECT FROM :"meta".live_history AS h WHERE h.subject = 'arm_recommendations' AND h.release_id = t.release_id
    )
    AND NOT EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = t.customer_id);

COMMENT ON VIEW :"ml".past_arm_recommendations IS 'Lists made for arms of experiments: every kept release that was ever live; see arm_recommendations_as_of.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.release_id IS 'The release it belongs to; see ml.releases.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.customer_id IS 'Who received it.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.placement IS 'The list.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.experiment IS 'The experiment.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.arm IS 'The arm.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.rank IS '1 is best.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.item_id IS 'What was recommended.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.score IS 'Higher is better; comparable within one list only.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.source IS 'The method that found the item.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.reason_code IS 'Why, as a word.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.predicted_at IS 'When it was computed and published.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.model_version IS 'What made the lists of each arm.';
COMMENT ON COLUMN :"ml".past_arm_recommendations.propensity IS 'Probability with which the item is among those published for this list; NULL where the list does not explore.';
