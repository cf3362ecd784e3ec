-- Arms of experiments whose lists are those of everybody under other rules. The rules are taken when the experiment is
-- started and stay as they are: an experiment is not changed, and what an arm saw stays readable.

ALTER TABLE :"meta".experiment_arms
    DROP CONSTRAINT experiment_arms_list_check,
    ADD CONSTRAINT experiment_arms_list_check
        CHECK (list IN ('live', 'none', 'popular') OR list ~ '^(method|model|challenger|rules):.');
COMMENT ON COLUMN :"meta".experiment_arms.list IS
'What its customers see: the live list, none, the popular items, a list made by a method, by a model of a version, or by the challenger of a method, or the live list under the rules of a file.';

CREATE TABLE :"meta".experiment_rules (
    -- Above all of ml_meta.rules: the place of a pinned item tells its rule, and so which of the two tables has it.
    rule_id integer GENERATED ALWAYS AS IDENTITY (START WITH 500000001) PRIMARY KEY CHECK (rule_id > 500000000),
    arm text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('unavailable', 'ban', 'pin', 'boost', 'cap')),
    item_id :item_id_type,
    category text,
    brand text,
    placement text REFERENCES :"meta".placements,
    segment_key text,
    value real,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    note text,
    CONSTRAINT ends_after_it_begins CHECK (valid_until > valid_from),
    CONSTRAINT only_orders_lists_by_segment CHECK (segment_key IS NULL OR kind IN ('pin', 'boost', 'cap')),
    CONSTRAINT names_what_it_is_about CHECK (
        CASE kind
            WHEN 'cap' THEN num_nonnulls(category, brand) = 1 AND item_id IS NULL
            WHEN 'boost' THEN num_nonnulls(item_id, category, brand) = 1
            ELSE item_id IS NOT NULL AND num_nonnulls(category, brand) = 0
        END
    ),
    CONSTRAINT has_the_value_of_its_kind CHECK (
        coalesce(
            CASE kind
                WHEN 'pin' THEN value BETWEEN 1 AND 500 AND value = trunc(value)
                WHEN 'boost' THEN value BETWEEN 0.001 AND 1000
                WHEN 'cap' THEN value BETWEEN 0 AND 500 AND value = trunc(value)
                ELSE value IS NULL
            END,
            false
        )
    )
);
CREATE INDEX ON :"meta".experiment_rules (arm);
COMMENT ON TABLE :"meta".experiment_rules IS 'As rules, in force for the customers of one arm of an experiment alone.';
COMMENT ON COLUMN :"meta".experiment_rules.arm IS 'EXPERIMENT.ARM.';
