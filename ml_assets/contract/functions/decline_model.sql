CREATE OR REPLACE FUNCTION :"meta".decline_model(of_kind text, of_version text, who text, why text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE :"meta".models AS m
    SET declined_reason = why, declined_by = who, declined_at = now()
    WHERE m.kind = of_kind AND m.version = of_version AND m.decision = 'refused'
$$;

COMMENT ON FUNCTION :"meta".decline_model(text, text, text, text) IS 'Leave a refused model refused; who said so, when and why stays in its row.';
REVOKE EXECUTE ON FUNCTION :"meta".decline_model(text, text, text, text) FROM PUBLIC;
