-- What experiments earned, and what else they must not harm: returns, and customers who opt out.

ALTER TABLE :"store".experiment_days
    ADD COLUMN returned double precision,
    ADD COLUMN margin double precision;
COMMENT ON COLUMN :"store".experiment_days.returned IS 'Amount of what was brought back on the day; NULL: written before that was noted.';
COMMENT ON COLUMN :"store".experiment_days.margin IS 'What was paid less what it cost, of lines that say both; NULL: none does.';
DROP FUNCTION IF EXISTS :"meta".add_outcomes(
    date, :customer_id_type[], integer[], double precision[], integer[], :customer_id_type[], :item_id_type[]
);

-- Whoever was on the first list that was read had opted out before, nobody knows when.
ALTER TABLE :"meta".opt_outs_read ADD COLUMN first_read_at timestamptz;
UPDATE :"meta".opt_outs_read AS r
SET first_read_at = coalesce((SELECT min(s.noted_at) FROM :"meta".opt_outs_of_shop AS s), r.read_at);
ALTER TABLE :"meta".opt_outs_read
    ALTER COLUMN first_read_at SET NOT NULL,
    ALTER COLUMN first_read_at SET DEFAULT now();
COMMENT ON COLUMN :"meta".opt_outs_read.first_read_at IS 'Customers noted then opted out at a time that is not known.';
