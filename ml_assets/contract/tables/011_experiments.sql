-- Experiments: who is in which arm, and which list an arm sees. Which customers that are is computed, not stored, but
-- for those whose experiment asks for a segment or orders: what was so when they entered must go on being so.

CREATE TABLE :"meta".experiment_layers (
    layer text PRIMARY KEY,
    salt text NOT NULL
);
COMMENT ON TABLE :"meta".experiment_layers IS 'Experiments of one layer share its customers out among themselves; layers are independent.';

CREATE TABLE :"meta".experiments (
    experiment text PRIMARY KEY CHECK (experiment ~ '^[a-z][a-z0-9_]{0,39}$'),
    placement text REFERENCES :"meta".placements,
    layer text NOT NULL REFERENCES :"meta".experiment_layers,
    slice_from double precision NOT NULL,
    slice_until double precision NOT NULL,
    salt text NOT NULL,
    segment_key text,
    min_orders integer CHECK (min_orders > 0),
    note text NOT NULL DEFAULT '',
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_by text NOT NULL DEFAULT session_user,
    serving_since timestamptz,
    ends_at timestamptz NOT NULL DEFAULT 'infinity',
    stopped_at timestamptz,
    stopped_reason text,
    CONSTRAINT is_a_slice CHECK (slice_from >= 0 AND slice_from < slice_until AND slice_until <= 1),
    CONSTRAINT ends_after_it_starts CHECK (ends_at > started_at),
    CONSTRAINT only_the_hold_out_is_of_every_list CHECK ((placement IS NULL) = (experiment = 'hold_out'))
);
CREATE INDEX running_experiments ON :"meta".experiments (placement) WHERE serving_since IS NOT NULL AND stopped_at IS NULL;
COMMENT ON TABLE :"meta".experiments IS 'Every experiment ever started. hold_out is permanent: who sees no list at all.';
COMMENT ON COLUMN :"meta".experiments.placement IS 'The list that it is about; NULL: every one.';
COMMENT ON COLUMN :"meta".experiments.slice_from IS 'Customers at this place of the layer, and up to slice_until, are in it.';
COMMENT ON COLUMN :"meta".experiments.salt IS 'What the arms are drawn with; another experiment draws anew.';
COMMENT ON COLUMN :"meta".experiments.segment_key IS 'Only customers of this segment, as of the day they entered; NULL: of any.';
COMMENT ON COLUMN :"meta".experiments.min_orders IS 'Only customers with so many orders in the look-back, as of the day they entered.';
COMMENT ON COLUMN :"meta".experiments.serving_since IS 'When the lists of all its arms were live; NULL: it waits for them.';

CREATE TABLE :"meta".experiment_arms (
    experiment text NOT NULL REFERENCES :"meta".experiments,
    arm text NOT NULL CHECK (arm ~ '^[a-z][a-z0-9_]{0,39}$'),
    number smallint NOT NULL,
    share double precision NOT NULL CHECK (share > 0 AND share <= 1),
    drawn_below double precision NOT NULL,
    list text NOT NULL CHECK (list IN ('live', 'none', 'popular') OR list ~ '^method:.' OR list ~ '^model:.'),
    PRIMARY KEY (experiment, arm)
);
COMMENT ON TABLE :"meta".experiment_arms IS 'The arms of each experiment, the first being what the others are compared with.';
COMMENT ON COLUMN :"meta".experiment_arms.drawn_below IS 'Whose place is below this, and not below that of the arm before, is in it.';
COMMENT ON COLUMN :"meta".experiment_arms.list IS
'What its customers see: the live list, none, the popular items, or a list made by a method, or by a model of a version.';

CREATE TABLE :"store".experiment_customers (
    experiment text NOT NULL,
    customer_id :customer_id_type NOT NULL,
    arm text NOT NULL,
    entered_on date NOT NULL,
    PRIMARY KEY (experiment, customer_id)
);
CREATE INDEX ON :"store".experiment_customers (customer_id);
COMMENT ON TABLE :"store".experiment_customers IS 'Who is counted: everybody who could see a list of the experiment, from the first day on.';
