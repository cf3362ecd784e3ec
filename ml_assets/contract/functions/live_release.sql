-- Which release readers see: the one answer, for views and functions alike.
--
-- IMMUTABLE although it reads a table. In a view, where its argument is a constant, PostgreSQL therefore calls it while
-- it plans: the other releases are pruned there, and a lookup neither follows the pointer nor opens what is not live,
-- however many releases are kept. Four things make that safe:
--
-- 1. The planner's snapshot is older than the list of partitions that it goes by, and nothing drops the partition of a
--    release that a snapshot calls live. So a plan never names a partition that it does not know, and a plan that was
--    kept shows one whole release.
-- 2. Whoever moves the pointer calls pointer_moved, so that every session plans anew, at its next transaction at the
--    latest. Every view that asks here reads ml_meta.releases, whose plans that function invalidates.
-- 3. A plan may be made for a snapshot from before a move of which the session was told already, in a REPEATABLE READ
--    transaction for instance; nothing would tell it again. Such a plan is used and not kept: newest_move, which is
--    read as it is now whatever the snapshot, is ahead of the moves that the snapshot shows.
-- 4. A move is visible a moment before sessions are told of it, and a transaction that holds all its locks may not
--    listen. Each view therefore looks whether its release is still live. Where it is not, it is shown once more
--    and the plan is forgotten; a REPEATABLE READ or SERIALIZABLE transaction fails instead (forget_plans).
--
-- The functions in PL/pgSQL keep their plans for a session too. They put the answer into a variable first, with the
-- subject in a variable as well, because a constant would be looked up once and kept: they ask at each call.

CREATE OR REPLACE FUNCTION :"meta".live_release(of_subject text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found CONSTANT bigint := (SELECT l.release_id FROM :"meta".live AS l WHERE l.subject = of_subject);
BEGIN
    -- The pointer may be visible a moment before its publisher has told this session of the partition. The size takes
    -- a lock on it: that waits for the publisher's end, and then everything told so far is heard.
    PERFORM pg_relation_size(to_regclass(':"store".' || quote_ident(of_subject || '_' || found)));
    IF (SELECT s.start_value FROM pg_sequence_parameters(':"meta".newest_move'::regclass) AS s)
        > (SELECT coalesce(max(h.move_id), 0) FROM :"meta".live_history AS h)
    THEN
        PERFORM :"meta".discard_plans();
    END IF;
    RETURN found;
END
$$;

COMMENT ON FUNCTION :"meta".live_release(text)
IS 'The release that readers see, known to a view while a statement is planned.';
GRANT EXECUTE ON FUNCTION :"meta".live_release(text) TO PUBLIC;
