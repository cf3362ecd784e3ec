-- A challenger that changes the method of a list may be tried on customers before it scores.

ALTER TABLE :"meta".models
    DROP CONSTRAINT models_decision_check,
    ADD CONSTRAINT models_decision_check CHECK (decision IN ('promoted', 'refused', 'on_trial', 'dropped')),
    ADD COLUMN trial_reason text,
    ADD COLUMN trial_ended_at timestamptz;
COMMENT ON COLUMN :"meta".models.decision IS
'promoted: it scores where none is newer; refused; on_trial: the arm of an experiment shows it; dropped: its trial ended without a win.';
COMMENT ON COLUMN :"meta".models.trial_reason IS 'What its trial on customers showed; NULL where there was none, or none ended.';
COMMENT ON COLUMN :"meta".models.trial_ended_at IS 'When its trial ended.';

ALTER TABLE :"meta".experiment_arms
    DROP CONSTRAINT experiment_arms_list_check,
    ADD CONSTRAINT experiment_arms_list_check
        CHECK (list IN ('live', 'none', 'popular') OR list ~ '^(method|model|challenger):.');
COMMENT ON COLUMN :"meta".experiment_arms.list IS
'What its customers see: the live list, none, the popular items, or a list made by a method, by a model of a version, or by the challenger of a method.';
