-- The newest model of a trial that was won comes before the champion of its own week from now on; those of earlier weeks
-- are older than that champion, and are refused.

CREATE OR REPLACE FUNCTION :"meta".end_trial(of_kind text, in_placement text, of_method text, is_won boolean, why text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH ended AS (
        UPDATE :"meta".models AS m
        SET decision = CASE
                WHEN NOT is_won THEN 'dropped'
                WHEN m.model_id = (
                    SELECT n.model_id FROM :"meta".models AS n
                    WHERE n.kind = of_kind AND n.placement = in_placement AND n.method = of_method
                        AND n.decision = 'on_trial'
                    ORDER BY n.trained_through DESC, n.registered_at DESC, n.model_id DESC
                    LIMIT 1
                ) THEN 'promoted'
                ELSE 'refused'
            END,
            trial_reason = why, trial_ended_at = clock_timestamp()
        WHERE m.kind = of_kind AND m.placement = in_placement AND m.method = of_method AND m.decision = 'on_trial'
        RETURNING 1
    )
    SELECT count(*) FROM ended
$$;

COMMENT ON FUNCTION :"meta".end_trial(text, text, text, boolean, text) IS 'End the trial of a method: its newest model scores, or all are dropped. How many models that were.';
REVOKE EXECUTE ON FUNCTION :"meta".end_trial(text, text, text, boolean, text) FROM PUBLIC;
