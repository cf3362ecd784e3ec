CREATE OR REPLACE FUNCTION :"meta".force_promotion(of_kind text, of_version text, in_placement text, why text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    -- Whoever promotes a model by force has decided about it and those of its method before it. What was trained on newer
    -- days stays on trial: nobody has decided about that.
    UPDATE :"meta".models AS m
    SET decision = 'refused', trial_reason = why, trial_ended_at = clock_timestamp()
    FROM :"meta".models AS f
    WHERE f.kind = of_kind AND f.version = of_version AND f.placement = in_placement
        AND m.kind = of_kind AND m.placement = in_placement AND m.method = f.method AND m.decision = 'on_trial'
        AND m.model_id <> f.model_id AND m.trained_through <= f.trained_through;
    UPDATE :"meta".models AS m
    SET decision = 'promoted', forced_reason = why, forced_by = session_user, forced_at = now(),
        trial_ended_at = CASE WHEN m.decision = 'on_trial' THEN clock_timestamp() ELSE m.trial_ended_at END
    WHERE m.kind = of_kind AND m.version = of_version AND m.placement = in_placement AND m.decision <> 'promoted'
$$;

COMMENT ON FUNCTION :"meta".force_promotion(text, text, text, text) IS 'Let a model score that was refused, is on trial or was dropped; who said so, when and why stays in its row.';
REVOKE EXECUTE ON FUNCTION :"meta".force_promotion(text, text, text, text) FROM PUBLIC;
