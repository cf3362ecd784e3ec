CREATE OR REPLACE VIEW :"ml".segment_assignments AS
SELECT
    t.customer_id,
    t.segment_key,
    g.segment_name,
    r.data_as_of,
    r.predicted_at,
    r.model_version,
    r.release_id,
    coalesce(now() + (SELECT h.clock_shift FROM :"meta".shop AS h) > r.stale_at, false) AS is_stale,
    t.alive_probability,
    t.expected_spend_90d
FROM :"store".segment_assignments AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
LEFT JOIN :"store".segments AS g ON g.release_id = t.release_id AND g.segment_key = t.segment_key
WHERE NOT EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = t.customer_id)
    AND r.release_id = :"meta".live_release('segment_assignments')
    AND CASE WHEN r.state = 'live' THEN true ELSE :"meta".forget_plans() END;

COMMENT ON VIEW :"ml".segment_assignments IS 'The segment of every customer.';
COMMENT ON COLUMN :"ml".segment_assignments.customer_id IS 'Who.';
COMMENT ON COLUMN :"ml".segment_assignments.segment_key IS 'Stable key of the segment.';
COMMENT ON COLUMN :"ml".segment_assignments.segment_name IS 'What people call the segment.';
COMMENT ON COLUMN :"ml".segment_assignments.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".segment_assignments.predicted_at IS 'When it was computed and published.';
COMMENT ON COLUMN :"ml".segment_assignments.model_version IS 'The model that made it; see ml_meta.models.';
COMMENT ON COLUMN :"ml".segment_assignments.release_id IS 'The release it belongs to; see ml.releases.';
COMMENT ON COLUMN :"ml".segment_assignments.is_stale IS 'Whether it is older now than the shop allows.';
COMMENT ON COLUMN :"ml".segment_assignments.alive_probability IS 'Probability of at least one order within 90 days, 0 to 1.';
COMMENT ON COLUMN :"ml".segment_assignments.expected_spend_90d IS 'Spend to be expected within 90 days, in the shop''s currency; NULL where it has no amounts.';
