CREATE OR REPLACE FUNCTION :"meta".force_promotion(of_kind text, of_version text, in_placement text, why text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE :"meta".models AS m
    SET decision = 'promoted', forced_reason = why, forced_by = session_user, forced_at = now()
    WHERE m.kind = of_kind AND m.version = of_version AND m.placement = in_placement AND m.decision = 'refused'
$$;

COMMENT ON FUNCTION :"meta".force_promotion(text, text, text, text) IS 'Let a refused model score; who said so, when and why stays in its row.';
REVOKE EXECUTE ON FUNCTION :"meta".force_promotion(text, text, text, text) FROM PUBLIC;
