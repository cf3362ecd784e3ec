-- What came of it: per customer who is counted and day, from the same transactions as everything else.

CREATE TABLE :"store".experiment_days (
    day date NOT NULL,
    customer_id :customer_id_type NOT NULL,
    orders integer NOT NULL,
    revenue double precision NOT NULL,
    listed_items integer,
    PRIMARY KEY (day, customer_id)
);
CREATE INDEX ON :"store".experiment_days (customer_id);
COMMENT ON TABLE :"store".experiment_days IS 'What customers of experiments bought; those who bought nothing on a day have no row.';
COMMENT ON COLUMN :"store".experiment_days.listed_items IS 'Different items bought that a list of theirs had shown within the week before; NULL: its releases are not kept any more.';

CREATE TABLE :"meta".experiment_days_known (
    day date PRIMARY KEY,
    customers bigint NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE :"meta".experiment_days_known IS 'The days whose outcomes are in, with those who bought.';

-- The time before, for the variance that it explains: as of the day before a customer entered.
ALTER TABLE :"store".experiment_customers
    ADD COLUMN orders_before double precision,
    ADD COLUMN revenue_before double precision;
COMMENT ON COLUMN :"store".experiment_customers.orders_before IS 'Orders in the 90 days before the customer entered.';
COMMENT ON COLUMN :"store".experiment_customers.revenue_before IS 'Spend in the 90 days before the customer entered.';
DROP FUNCTION IF EXISTS :"meta".enter_customers(text, :customer_id_type[], date);
