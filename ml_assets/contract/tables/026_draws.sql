-- What ml.recommend needs of an experiment stands in one row, because every read asks for it: functions/note_arms.sql
-- keeps it as the arms say.

ALTER TABLE :"meta".experiments
    ADD COLUMN layer_salt text,
    ADD COLUMN arms_below double precision[],
    ADD COLUMN arms_see text[];
COMMENT ON COLUMN :"meta".experiments.layer_salt IS 'As in experiment_layers; written by a trigger on the arms, as are arms_below and arms_see.';
COMMENT ON COLUMN :"meta".experiments.arms_below IS 'drawn_below of its arms, ascending.';
COMMENT ON COLUMN :"meta".experiments.arms_see IS
'What each of these arms sees: none, popular, EXPERIMENT.ARM, or rules:EXPERIMENT.ARM, after ?EXPERIMENT: where only those see it who were entered; NULL: the live list.';
UPDATE :"meta".experiments AS e
SET layer_salt = l.salt, arms_below = a.below, arms_see = a.see
FROM :"meta".experiment_layers AS l, (
    SELECT x.experiment, array_agg(x.drawn_below ORDER BY x.drawn_below) AS below,
        array_agg(
            CASE WHEN y.segment_key IS NOT NULL OR y.min_orders IS NOT NULL THEN '?' || x.experiment || ':' ELSE '' END
            || CASE
                WHEN x.list IN ('none', 'popular') THEN x.list
                WHEN x.list = 'live' THEN NULL
                WHEN x.list LIKE 'rules:%' THEN 'rules:' || x.experiment || '.' || x.arm
                ELSE x.experiment || '.' || x.arm
            END
            ORDER BY x.drawn_below
        ) AS see
    FROM :"meta".experiment_arms AS x
    JOIN :"meta".experiments AS y ON y.experiment = x.experiment
    GROUP BY 1
) AS a
WHERE l.layer = e.layer AND a.experiment = e.experiment;
DROP FUNCTION IF EXISTS :"meta".list_shown(:customer_id_type, text);
