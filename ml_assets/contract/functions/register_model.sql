-- Registering the same model again brings its row up to date: same kind, placement, day and version, trained on the same
-- data with the same parameters. It takes no promotion back, begins no trial again that
-- has ended, and writes over no other model.

CREATE OR REPLACE FUNCTION :"meta".register_model(model jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO :"meta".models AS m (
        kind, placement, method, version, trained_through, data_fingerprint, parameters, metrics, facts, card, artifact,
        checksum, decision, reason, run_id
    )
    SELECT
        n.kind, n.placement, n.method, n.version, n.trained_through, n.data_fingerprint, n.parameters, n.metrics,
        n.facts, n.card, n.artifact, n.checksum, n.decision, n.reason, n.run_id
    FROM jsonb_populate_record(NULL:::"meta".models, model) AS n
    ON CONFLICT (kind, placement, trained_through, version) DO UPDATE SET
        method = excluded.method, metrics = excluded.metrics, facts = excluded.facts, card = excluded.card,
        artifact = excluded.artifact, checksum = excluded.checksum, run_id = excluded.run_id,
        decision = CASE WHEN m.decision = 'promoted' OR m.trial_ended_at IS NOT NULL THEN m.decision ELSE excluded.decision END,
        reason = CASE WHEN m.decision = 'promoted' OR m.trial_ended_at IS NOT NULL THEN m.reason ELSE excluded.reason END
    WHERE m.data_fingerprint = excluded.data_fingerprint AND m.parameters = excluded.parameters;
    IF NOT FOUND THEN
        RAISE unique_violation USING
            MESSAGE = format('the registry has another model %s', model ->> 'version'),
            DETAIL = 'It was trained on other data or with other parameters.';
    END IF;
END
$$;

COMMENT ON FUNCTION :"meta".register_model(jsonb) IS 'Record a trained model; its columns by name.';
REVOKE EXECUTE ON FUNCTION :"meta".register_model(jsonb) FROM PUBLIC;
