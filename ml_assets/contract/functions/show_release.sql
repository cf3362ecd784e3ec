-- A move of the pointer: one row, whatever the size of the release. The time is the clock's; the order of moves is
-- that of move_id. History is only ever added to.

CREATE OR REPLACE FUNCTION :"meta".show_release(of_release bigint, why text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_subject CONSTANT text := :"meta".subject_of(of_release, ARRAY['ready']);
    moved CONSTANT timestamptz := clock_timestamp();
BEGIN
    -- Before the lock: of a large shop it takes a while.
    IF of_subject = 'segment_assignments' THEN
        PERFORM :"meta".keep_segment_history(of_release, true);
    END IF;
    -- The lock of pointer_moved, from before the move has its number: numbers then become visible in their order.
    LOCK TABLE :"meta".releases IN SHARE UPDATE EXCLUSIVE MODE;
    UPDATE :"meta".releases AS r SET state = 'ready'
    WHERE r.release_id = (SELECT l.release_id FROM :"meta".live AS l WHERE l.subject = of_subject);
    UPDATE :"meta".releases AS r SET state = 'live' WHERE r.release_id = of_release;
    INSERT INTO :"meta".live AS l (subject, release_id, moved_at) VALUES (of_subject, of_release, moved)
    ON CONFLICT (subject) DO UPDATE SET release_id = excluded.release_id, moved_at = excluded.moved_at;
    UPDATE :"meta".live_history AS h SET live_until = moved WHERE h.subject = of_subject AND h.live_until IS NULL;
    INSERT INTO :"meta".live_history (subject, release_id, live_from, reason) VALUES (of_subject, of_release, moved, why);
    PERFORM :"meta".pointer_moved();
END
$$;

COMMENT ON FUNCTION :"meta".show_release(bigint, text) IS 'Make a ready release the live one.';
REVOKE EXECUTE ON FUNCTION :"meta".show_release(bigint, text) FROM PUBLIC;
