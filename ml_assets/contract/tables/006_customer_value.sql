-- What customers are worth, beside their segments. Null in releases that were published without it.

ALTER TABLE :"store".segment_assignments
    ADD COLUMN alive_probability double precision,
    ADD COLUMN expected_spend_90d double precision;
COMMENT ON COLUMN :"store".segment_assignments.alive_probability IS 'Probability of at least one order in the 90 days after the day, 0 to 1.';
COMMENT ON COLUMN :"store".segment_assignments.expected_spend_90d IS 'Spend to be expected in these 90 days.';

ALTER TABLE :"store".segments
    ADD COLUMN mean_alive_probability double precision,
    ADD COLUMN mean_expected_spend_90d double precision,
    ADD COLUMN total_expected_spend_90d double precision;
