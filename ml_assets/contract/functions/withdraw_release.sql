-- What a shop does not make any more is not shown either: nothing would ever judge or replace it.

CREATE OR REPLACE FUNCTION :"meta".withdraw_release(of_subject text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- As in show_release.
    LOCK TABLE :"meta".releases IN SHARE UPDATE EXCLUSIVE MODE;
    UPDATE :"meta".releases AS r SET state = 'retired', retired_at = now(), retired_xid = pg_current_xact_id()
    WHERE r.subject = of_subject AND r.state <> 'retired';
    DELETE FROM :"meta".live AS l WHERE l.subject = of_subject;
    UPDATE :"meta".live_history AS h SET live_until = clock_timestamp()
    WHERE h.subject = of_subject AND h.live_until IS NULL;
    PERFORM :"meta".pointer_moved();
END
$$;

COMMENT ON FUNCTION :"meta".withdraw_release(text) IS 'Show no release of a subject, and keep none.';
REVOKE EXECUTE ON FUNCTION :"meta".withdraw_release(text) FROM PUBLIC;
