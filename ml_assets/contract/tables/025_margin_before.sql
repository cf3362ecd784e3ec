-- What customers earned the shop before they entered, so that margin is adjusted by margin.

ALTER TABLE :"store".experiment_customers ADD COLUMN margin_before double precision;
COMMENT ON COLUMN :"store".experiment_customers.margin_before IS 'What was paid less what it cost in the 90 days before, of lines that say both; NULL: written before that was noted, or no costs were known.';
DROP FUNCTION IF EXISTS :"meta".enter_customers(
    text, :customer_id_type[], double precision[], double precision[], date
);
