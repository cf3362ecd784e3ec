-- The rules stay when their experiment is over: with the lists as they were published they say what an arm saw.

CREATE OR REPLACE VIEW :"ml".experiment_rules AS
SELECT
    split_part(r.arm, '.', 1) AS experiment,
    split_part(r.arm, '.', 2) AS arm,
    r.kind,
    r.item_id,
    r.category,
    r.brand,
    r.placement,
    r.segment_key,
    r.value,
    nullif(r.valid_from, '-infinity') AS valid_from,
    nullif(r.valid_until, 'infinity') AS valid_until,
    r.note
FROM :"meta".experiment_rules AS r;

COMMENT ON VIEW :"ml".experiment_rules IS 'The rules of arms that see the live list under rules of their own, as they were when the experiment was started.';
COMMENT ON COLUMN :"ml".experiment_rules.experiment IS 'The experiment.';
COMMENT ON COLUMN :"ml".experiment_rules.arm IS 'The arm whose customers they are for.';
COMMENT ON COLUMN :"ml".experiment_rules.kind IS 'unavailable and ban hide an item; pin puts it at a place; boost moves it, its category or its brand, up or down; cap limits a category or a brand.';
COMMENT ON COLUMN :"ml".experiment_rules.item_id IS 'What it is about, or';
COMMENT ON COLUMN :"ml".experiment_rules.category IS 'all items of this category, or';
COMMENT ON COLUMN :"ml".experiment_rules.brand IS 'all of this brand.';
COMMENT ON COLUMN :"ml".experiment_rules.placement IS 'The list; NULL: every one.';
COMMENT ON COLUMN :"ml".experiment_rules.segment_key IS 'Only for customers of this segment; NULL: for all of the arm.';
COMMENT ON COLUMN :"ml".experiment_rules.value IS 'pin: the place, from 1. boost: 2 halves an item''s place, 0.5 doubles it. cap: most items of the category or brand in a list.';
COMMENT ON COLUMN :"ml".experiment_rules.valid_from IS 'In force from this moment; NULL: from the start.';
COMMENT ON COLUMN :"ml".experiment_rules.valid_until IS 'In force until just before this moment; NULL: to the end.';
COMMENT ON COLUMN :"ml".experiment_rules.note IS 'Why.';
