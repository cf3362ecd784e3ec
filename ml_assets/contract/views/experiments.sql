CREATE OR REPLACE VIEW :"ml".experiments AS
SELECT
    e.experiment,
    a.arm,
    a.share,
    a.list,
    e.placement,
    CASE
        WHEN e.stopped_at IS NOT NULL THEN 'stopped'
        WHEN now() >= e.ends_at THEN 'ended'
        WHEN e.serving_since IS NULL THEN 'waiting'
        ELSE 'running'
    END AS state,
    e.layer,
    e.slice_until - e.slice_from AS traffic,
    e.segment_key,
    e.min_orders,
    e.started_at,
    e.serving_since,
    e.ends_at,
    e.stopped_at,
    e.stopped_reason,
    e.note,
    a.number = 1 AS is_control
FROM :"meta".experiments AS e
JOIN :"meta".experiment_arms AS a ON a.experiment = e.experiment;

COMMENT ON VIEW :"ml".experiments IS 'One row per arm of every experiment.';
COMMENT ON COLUMN :"ml".experiments.experiment IS 'Its name; hold_out is the permanent one: who sees no list at all.';
COMMENT ON COLUMN :"ml".experiments.arm IS 'The arm; ml.assign_arm says who is in it.';
COMMENT ON COLUMN :"ml".experiments.share IS 'Share of the experiment''s customers, 0 to 1.';
COMMENT ON COLUMN :"ml".experiments.list IS 'What the arm sees: live (the list of everybody), none, popular, method:NAME, model:VERSION, challenger:METHOD, or rules:FILE (the live list under the rules of a file; see experiment_rules).';
COMMENT ON COLUMN :"ml".experiments.placement IS 'The list that it is about; NULL: every one.';
COMMENT ON COLUMN :"ml".experiments.state IS 'waiting (for the lists of its arms), running, ended or stopped.';
COMMENT ON COLUMN :"ml".experiments.layer IS 'Experiments of one layer have no customer in common.';
COMMENT ON COLUMN :"ml".experiments.traffic IS 'Share of the layer''s customers that are in it, 0 to 1.';
COMMENT ON COLUMN :"ml".experiments.segment_key IS 'Only customers of this segment, as of the day they entered.';
COMMENT ON COLUMN :"ml".experiments.min_orders IS 'Only customers with so many orders, as of the day they entered.';
COMMENT ON COLUMN :"ml".experiments.started_at IS 'When somebody started it.';
COMMENT ON COLUMN :"ml".experiments.serving_since IS 'Since when all arms see their lists.';
COMMENT ON COLUMN :"ml".experiments.ends_at IS 'When it ends by itself.';
COMMENT ON COLUMN :"ml".experiments.stopped_at IS 'When somebody stopped it.';
COMMENT ON COLUMN :"ml".experiments.stopped_reason IS 'Why.';
COMMENT ON COLUMN :"ml".experiments.note IS 'What it is to find out.';
COMMENT ON COLUMN :"ml".experiments.is_control IS 'Whether the other arms are compared with it.';
