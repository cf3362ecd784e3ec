CREATE OR REPLACE FUNCTION :"meta".accept_release(of_release bigint, why text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM :"meta".subject_of(of_release, ARRAY['blocked']);
    UPDATE :"meta".releases AS r SET state = 'ready', accepted_reason = why WHERE r.release_id = of_release;
END
$$;

COMMENT ON FUNCTION :"meta".accept_release(bigint, text) IS 'Make a blocked release ready, because a person says so.';
REVOKE EXECUTE ON FUNCTION :"meta".accept_release(bigint, text) FROM PUBLIC;
