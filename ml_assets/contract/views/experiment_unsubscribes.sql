-- Customers who opted out are hidden from every other view of experiments; here they are a number. Who opted out before
-- they entered is not counted at all, nor who was on the first list that was read: nobody knows since when.

CREATE OR REPLACE VIEW :"ml".experiment_unsubscribes AS
SELECT
    c.experiment,
    c.arm,
    count(*) AS customers,
    count(*) FILTER (WHERE o.noted_at < least(e.stopped_at, e.ends_at)) AS unsubscribed
FROM :"store".experiment_customers AS c
JOIN :"meta".experiments AS e ON e.experiment = c.experiment
CROSS JOIN :"meta".shop AS h
LEFT JOIN (
    SELECT n.customer_id, min(n.noted_at) AS noted_at
    FROM (
        SELECT m.customer_id, m.noted_at FROM :"meta".opt_outs AS m
        UNION ALL
        SELECT s.customer_id, CASE WHEN s.noted_at > r.first_read_at THEN s.noted_at ELSE '-infinity' END
        FROM :"meta".opt_outs_of_shop AS s
        CROSS JOIN :"meta".opt_outs_read AS r
    ) AS n
    GROUP BY 1
) AS o ON o.customer_id = c.customer_id
WHERE o.noted_at IS NULL OR o.noted_at >= c.entered_on::timestamp AT TIME ZONE h.timezone
GROUP BY 1, 2;

COMMENT ON VIEW :"ml".experiment_unsubscribes IS 'How many customers of each arm opted out while the experiment ran.';
COMMENT ON COLUMN :"ml".experiment_unsubscribes.experiment IS 'The experiment.';
COMMENT ON COLUMN :"ml".experiment_unsubscribes.arm IS 'The arm.';
COMMENT ON COLUMN :"ml".experiment_unsubscribes.customers IS 'Customers counted in it, those who opted out since among them.';
COMMENT ON COLUMN :"ml".experiment_unsubscribes.unsubscribed IS 'Those who opted out between the day they entered and the end.';
