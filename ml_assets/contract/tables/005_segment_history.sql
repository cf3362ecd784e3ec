-- What became of segments and of customers in them, by day of data, and the numbers that give a customer a segment.

ALTER TABLE :"store".segment_assignments
    ADD COLUMN moved_from text, ADD COLUMN reason text, ADD COLUMN reason_measures text;
COMMENT ON COLUMN :"store".segment_assignments.moved_from IS 'Of customers who moved: their segment on the day before.';
COMMENT ON COLUMN :"store".segment_assignments.reason IS 'Of customers who moved: what changed most since then.';
COMMENT ON COLUMN :"store".segment_assignments.reason_measures IS 'The same as JSON: measure, unit, before, after.';

-- One row per change: a range ends where the next one of the customer begins. Overlaps cannot be written down, by
-- anybody, and one unique index is all it costs: an exclusion constraint on ranges takes many times longer to fill.
CREATE TABLE :"store".segment_history (
    customer_id :customer_id_type NOT NULL,
    valid_from date NOT NULL,
    segment_key text,
    reason_from text,
    reason text,
    measures jsonb,
    PRIMARY KEY (customer_id, valid_from) INCLUDE (segment_key)
);
CREATE INDEX ON :"store".segment_history (valid_from);
COMMENT ON TABLE :"store".segment_history IS 'From which day of data a customer was in which segment, until the next row.';
COMMENT ON COLUMN :"store".segment_history.segment_key IS 'NULL: in none, from this day on.';
COMMENT ON COLUMN :"store".segment_history.reason_from IS 'The segment before that the reason is about.';

CREATE TABLE :"store".segment_days (
    day date PRIMARY KEY,
    release_id bigint NOT NULL REFERENCES :"meta".releases,
    model_version text NOT NULL,
    keys text[] NOT NULL,
    names text[] NOT NULL,
    customers bigint[] NOT NULL
);
COMMENT ON TABLE :"store".segment_days IS 'The days that the history knows, each with the release whose segments it took.';
COMMENT ON COLUMN :"store".segment_days.keys IS 'The segments of the day; names and customers run in parallel.';

CREATE TABLE :"store".segment_moves (
    day date NOT NULL REFERENCES :"store".segment_days,
    from_segment text,
    to_segment text,
    customers bigint NOT NULL CHECK (customers > 0)
);
CREATE UNIQUE INDEX ON :"store".segment_moves (day, coalesce(from_segment, ''), coalesce(to_segment, ''));
COMMENT ON TABLE :"store".segment_moves IS 'How many customers went from which segment to which, by day; nobody is named.';

CREATE TABLE :"store".segment_catalogue (
    segment_key text NOT NULL,
    valid_from date NOT NULL REFERENCES :"store".segment_days,
    segment_name text NOT NULL,
    change text NOT NULL CHECK (change IN ('born', 'split', 'merged', 'kept', 'ended')),
    parents text[] NOT NULL,
    model_version text NOT NULL,
    PRIMARY KEY (segment_key, valid_from)
);
COMMENT ON TABLE :"store".segment_catalogue IS 'What became of the segments whenever another model made them.';
COMMENT ON COLUMN :"store".segment_catalogue.parents IS 'Of an ended one: the segments that took its customers.';

CREATE TABLE :"meta".segmentation_models (
    model_version text PRIMARY KEY,
    inputs text[] NOT NULL,
    keys text[] NOT NULL,
    margin double precision NOT NULL CHECK (margin >= 0 AND margin < 1),
    knots double precision[] NOT NULL,
    centers double precision[] NOT NULL,
    axes double precision[] NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    CHECK (cardinality(inputs) > 0 AND cardinality(keys) > 0),
    CHECK (cardinality(knots) > 0 AND cardinality(knots) % cardinality(inputs) = 0),
    CHECK (cardinality(centers) = cardinality(keys) * cardinality(inputs)),
    CHECK (cardinality(axes) = cardinality(inputs) * cardinality(inputs))
);
COMMENT ON TABLE :"meta".segmentation_models IS 'The numbers of segmentation models, from which assign_segment reckons.';
COMMENT ON COLUMN :"meta".segmentation_models.inputs IS 'The measures that decide.';
COMMENT ON COLUMN :"meta".segmentation_models.margin IS 'How much nearer another segment must be before a customer moves to it.';
COMMENT ON COLUMN :"meta".segmentation_models.knots IS 'Quantiles of the first measure among the customers, ascending; then those of the next one.';
COMMENT ON COLUMN :"meta".segmentation_models.centers IS 'The first segment''s center, a position 0 to 1 per measure; then the next one''s.';
COMMENT ON COLUMN :"meta".segmentation_models.axes IS 'Row by row: differences of positions are multiplied by it before they are squared.';
