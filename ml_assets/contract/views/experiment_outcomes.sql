-- Everybody who is counted, with what they bought from the day they entered to the end of the experiment. Days are whole:
-- the day on which it was stopped does not count, nor does one whose transactions are not in.

CREATE OR REPLACE VIEW :"ml".experiment_outcomes AS
SELECT
    c.experiment,
    c.customer_id,
    c.arm,
    c.entered_on,
    coalesce(o.orders, 0) AS orders,
    coalesce(o.revenue, 0) AS revenue,
    coalesce(o.listed_items, 0) AS listed_items,
    c.orders_before,
    c.revenue_before,
    o.new_categories,
    CASE WHEN k.newest - c.entered_on >= 27 THEN o.last_order_on IS NULL OR o.last_order_on < k.newest - 27 END AS lapsed,
    (
        SELECT s.segment_key FROM :"store".segment_history AS s
        WHERE s.customer_id = c.customer_id AND s.valid_from < c.entered_on
        ORDER BY s.valid_from DESC
        LIMIT 1
    ) AS segment_key,
    coalesce(o.returned, 0) AS returned,
    o.margin,
    c.margin_before
FROM :"store".experiment_customers AS c
JOIN :"meta".experiments AS e ON e.experiment = c.experiment
CROSS JOIN :"meta".shop AS h
LEFT JOIN LATERAL (
    SELECT max(n.day) AS newest
    FROM :"meta".experiment_days_known AS n
    WHERE least(e.stopped_at, e.ends_at) = 'infinity'
        OR n.day < (least(e.stopped_at, e.ends_at) AT TIME ZONE h.timezone)::date
) AS k ON true
LEFT JOIN LATERAL (
    SELECT sum(d.orders) AS orders, sum(d.revenue) AS revenue, sum(d.listed_items) AS listed_items,
        sum(d.new_categories) AS new_categories, sum(d.returned) AS returned, sum(d.margin) AS margin,
        max(d.day) FILTER (WHERE d.orders > 0) AS last_order_on
    FROM :"store".experiment_days AS d
    WHERE d.customer_id = c.customer_id AND d.day >= c.entered_on
        AND (
            least(e.stopped_at, e.ends_at) = 'infinity'
            OR d.day < (least(e.stopped_at, e.ends_at) AT TIME ZONE h.timezone)::date
        )
) AS o ON true
WHERE NOT EXISTS (SELECT FROM :"meta".opted_out AS x WHERE x.customer_id = c.customer_id);

COMMENT ON VIEW :"ml".experiment_outcomes IS 'What came of each experiment: one row per customer who is counted.';
COMMENT ON COLUMN :"ml".experiment_outcomes.experiment IS 'The experiment.';
COMMENT ON COLUMN :"ml".experiment_outcomes.customer_id IS 'The customer.';
COMMENT ON COLUMN :"ml".experiment_outcomes.arm IS 'The arm.';
COMMENT ON COLUMN :"ml".experiment_outcomes.entered_on IS 'The day from which on the customer counts.';
COMMENT ON COLUMN :"ml".experiment_outcomes.orders IS 'Orders since.';
COMMENT ON COLUMN :"ml".experiment_outcomes.revenue IS 'What was paid since, returns subtracted; pieces where the shop has no amounts.';
COMMENT ON COLUMN :"ml".experiment_outcomes.listed_items IS 'Items bought that a list of the customer had shown within the week before, a day each.';
COMMENT ON COLUMN :"ml".experiment_outcomes.orders_before IS 'Orders in the 90 days before.';
COMMENT ON COLUMN :"ml".experiment_outcomes.revenue_before IS 'What was paid in the 90 days before; pieces where the shop has no amounts.';
COMMENT ON COLUMN :"ml".experiment_outcomes.new_categories IS 'Categories bought of which nothing had been bought in the look-back before; NULL: nothing bought, or not known.';
COMMENT ON COLUMN :"ml".experiment_outcomes.lapsed IS 'Whether the customer ordered nothing in the last 28 days; NULL while there are fewer.';
COMMENT ON COLUMN :"ml".experiment_outcomes.segment_key IS 'The segment on the day before the customer entered.';
COMMENT ON COLUMN :"ml".experiment_outcomes.returned IS 'What was brought back since; revenue has it subtracted.';
COMMENT ON COLUMN :"ml".experiment_outcomes.margin IS 'What was paid since less what it cost the shop, returns subtracted; NULL: nothing bought of which the cost is known.';
COMMENT ON COLUMN :"ml".experiment_outcomes.margin_before IS 'What was paid less what it cost in the 90 days before; NULL: not known.';
