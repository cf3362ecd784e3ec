-- As ml.experiment_outcomes: from the day customers entered to the end of the experiment, on whole days.

CREATE OR REPLACE VIEW :"ml".experiment_listed_items AS
SELECT
    c.experiment,
    c.arm,
    d.placement,
    d.rank,
    d.reason_code,
    sum(d.items)::bigint AS items,
    count(DISTINCT d.customer_id) AS customers
FROM :"store".experiment_customers AS c
JOIN :"meta".experiments AS e ON e.experiment = c.experiment
CROSS JOIN :"meta".shop AS h
JOIN :"store".experiment_listed AS d ON d.customer_id = c.customer_id AND d.day >= c.entered_on
    AND (
        least(e.stopped_at, e.ends_at) = 'infinity'
        OR d.day < (least(e.stopped_at, e.ends_at) AT TIME ZONE h.timezone)::date
    )
WHERE NOT EXISTS (SELECT FROM :"meta".opted_out AS x WHERE x.customer_id = c.customer_id)
GROUP BY 1, 2, 3, 4, 5;

COMMENT ON VIEW :"ml".experiment_listed_items IS 'Which listed items the arms of each experiment bought: from which list, place and reason.';
COMMENT ON COLUMN :"ml".experiment_listed_items.experiment IS 'The experiment.';
COMMENT ON COLUMN :"ml".experiment_listed_items.arm IS 'The arm.';
COMMENT ON COLUMN :"ml".experiment_listed_items.placement IS 'The list; an item that two lists had counts in both.';
COMMENT ON COLUMN :"ml".experiment_listed_items.rank IS 'The best place that the item had in it within the week, as published.';
COMMENT ON COLUMN :"ml".experiment_listed_items.reason_code IS 'The reason beside it.';
COMMENT ON COLUMN :"ml".experiment_listed_items.items IS 'Different items bought, a customer and a day each.';
COMMENT ON COLUMN :"ml".experiment_listed_items.customers IS 'Customers who bought one.';
