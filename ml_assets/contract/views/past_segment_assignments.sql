-- What was live before, as it was published. A row is here as long as retention keeps its release.

CREATE OR REPLACE VIEW :"ml".past_segment_assignments AS
SELECT t.release_id, t.customer_id, t.segment_key, g.segment_name, r.data_as_of, r.predicted_at, r.model_version,
    t.alive_probability, t.expected_spend_90d
FROM :"store".segment_assignments AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
LEFT JOIN :"store".segments AS g ON g.release_id = t.release_id AND g.segment_key = t.segment_key
WHERE EXISTS (
        SELECT FROM :"meta".live_history AS h WHERE h.subject = 'segment_assignments' AND h.release_id = t.release_id
    )
    AND NOT EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = t.customer_id);

COMMENT ON VIEW :"ml".past_segment_assignments IS 'Every kept release that was ever live; see segment_assignments_as_of.';
COMMENT ON COLUMN :"ml".past_segment_assignments.release_id IS 'The release it belongs to; see ml.releases.';
COMMENT ON COLUMN :"ml".past_segment_assignments.customer_id IS 'Who.';
COMMENT ON COLUMN :"ml".past_segment_assignments.segment_key IS 'Stable key of the segment.';
COMMENT ON COLUMN :"ml".past_segment_assignments.segment_name IS 'What people called the segment.';
COMMENT ON COLUMN :"ml".past_segment_assignments.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".past_segment_assignments.predicted_at IS 'When it was computed and published.';
COMMENT ON COLUMN :"ml".past_segment_assignments.model_version IS 'The model that made it; see ml_meta.models.';
COMMENT ON COLUMN :"ml".past_segment_assignments.alive_probability IS 'Probability of at least one order within 90 days, 0 to 1.';
COMMENT ON COLUMN :"ml".past_segment_assignments.expected_spend_90d IS 'Spend to be expected within 90 days, in the shop''s currency; NULL where it has no amounts.';
