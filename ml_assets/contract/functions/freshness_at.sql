CREATE OR REPLACE FUNCTION :"ml".freshness_at(at timestamptz)
RETURNS TABLE (
    subject text,
    kind text,
    data_as_of date,
    updated_at timestamptz,
    age interval,
    warn_after interval,
    error_after interval,
    status text,
    stale_at timestamptz,
    row_count bigint,
    usual_row_count bigint,
    reason text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT
        j.subject, j.kind, j.data_as_of, j.updated_at, j.age, j.warn_after, j.error_after, j.status, j.stale_at, j.row_count,
        j.usual_row_count, coalesce(j.age_reason, j.volume_reason)
    FROM :"meta".judge_freshness(at) AS j
$$;

COMMENT ON FUNCTION :"ml".freshness_at(timestamptz) IS 'How old everything known now will be, or would have been, at a moment.';
REVOKE EXECUTE ON FUNCTION :"ml".freshness_at(timestamptz) FROM PUBLIC;
