CREATE TABLE :"meta".opt_outs_of_shop (
    customer_id :customer_id_type PRIMARY KEY,
    noted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE :"meta".opt_outs_of_shop IS 'Customers who opted out by the shop''s own list, as it was last read.';

CREATE TABLE :"meta".opt_outs_read (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    read_at timestamptz NOT NULL
);
COMMENT ON TABLE :"meta".opt_outs_read IS 'One row: when the shop''s list of opt-outs was last read; none before the first time.';
