CREATE OR REPLACE VIEW :"ml".segments AS
SELECT
    g.segment_key,
    g.segment_name,
    g.description,
    g.customers,
    g.share,
    g.median_recency_days,
    g.median_orders_90d,
    g.median_spend_90d,
    g.median_spend_365d,
    g.median_tenure_days,
    r.data_as_of,
    g.mean_alive_probability,
    g.mean_expected_spend_90d,
    g.total_expected_spend_90d
FROM :"store".segments AS g
JOIN :"meta".releases AS r ON r.release_id = g.release_id
WHERE r.release_id = :"meta".live_release('segment_assignments')
    AND CASE WHEN r.state = 'live' THEN true ELSE :"meta".forget_plans() END;

COMMENT ON VIEW :"ml".segments IS 'The segments and their profiles.';
COMMENT ON COLUMN :"ml".segments.segment_key IS 'Stable key of the segment.';
COMMENT ON COLUMN :"ml".segments.segment_name IS 'What people call the segment.';
COMMENT ON COLUMN :"ml".segments.description IS 'One sentence with the figures of its profile.';
COMMENT ON COLUMN :"ml".segments.customers IS 'Customers in it.';
COMMENT ON COLUMN :"ml".segments.share IS 'Its share of all customers, 0 to 1.';
COMMENT ON COLUMN :"ml".segments.median_recency_days IS 'Median days since the last order.';
COMMENT ON COLUMN :"ml".segments.median_orders_90d IS 'Median orders in 90 days.';
COMMENT ON COLUMN :"ml".segments.median_spend_90d IS 'Median spend in 90 days; NULL where the shop has no amounts.';
COMMENT ON COLUMN :"ml".segments.median_spend_365d IS 'Median spend in 365 days; NULL where the shop has no amounts.';
COMMENT ON COLUMN :"ml".segments.median_tenure_days IS 'Median days since the first order.';
COMMENT ON COLUMN :"ml".segments.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".segments.mean_alive_probability IS 'Mean probability of its customers to order within 90 days.';
COMMENT ON COLUMN :"ml".segments.mean_expected_spend_90d IS 'Mean spend to be expected of a customer within 90 days; NULL where the shop has no amounts.';
COMMENT ON COLUMN :"ml".segments.total_expected_spend_90d IS 'Spend to be expected of all its customers within 90 days; NULL where the shop has no amounts.';
