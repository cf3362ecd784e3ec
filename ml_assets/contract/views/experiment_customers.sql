CREATE OR REPLACE VIEW :"ml".experiment_customers AS
SELECT c.experiment, c.customer_id, c.arm, c.entered_on
FROM :"store".experiment_customers AS c
WHERE NOT EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = c.customer_id);

COMMENT ON VIEW :"ml".experiment_customers IS 'Who is counted in each experiment: everybody who could see its lists, whether or not they looked.';
COMMENT ON COLUMN :"ml".experiment_customers.experiment IS 'The experiment.';
COMMENT ON COLUMN :"ml".experiment_customers.customer_id IS 'The customer.';
COMMENT ON COLUMN :"ml".experiment_customers.arm IS 'The arm, for as long as the experiment runs.';
COMMENT ON COLUMN :"ml".experiment_customers.entered_on IS 'The day from which on the customer counts.';
