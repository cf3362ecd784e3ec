-- What else came of it: categories that were new to a customer, and from which place of which list a bought item was.

ALTER TABLE :"store".experiment_days ADD COLUMN new_categories integer;
COMMENT ON COLUMN :"store".experiment_days.new_categories IS 'Categories bought of which the customer had bought nothing in the look-back before; NULL: not known.';

CREATE TABLE :"store".experiment_listed (
    day date NOT NULL,
    customer_id :customer_id_type NOT NULL,
    placement text NOT NULL,
    rank integer NOT NULL,
    reason_code text NOT NULL,
    items integer NOT NULL,
    PRIMARY KEY (day, customer_id, placement, rank, reason_code)
);
CREATE INDEX ON :"store".experiment_listed (customer_id);
COMMENT ON TABLE :"store".experiment_listed IS 'Different items bought that a list had shown within the week before, by their best place in it.';
DROP FUNCTION IF EXISTS :"meta".add_outcomes(
    date, :customer_id_type[], integer[], double precision[], :customer_id_type[], :item_id_type[]
);
