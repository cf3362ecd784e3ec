-- Invalidates the plans that live_release was called for. The writer calls it with every move, with rights on the table
-- that it does not have itself.

CREATE OR REPLACE FUNCTION :"meta".pointer_moved() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Changes nothing; sessions are told that releases, which every such plan reads, is not what it was.
    ALTER TABLE :"meta".releases ALTER COLUMN state SET STATISTICS -1;
    EXECUTE format(
        'ALTER SEQUENCE :"meta".newest_move START WITH %s', (SELECT max(h.move_id) FROM :"meta".live_history AS h)
    );
END
$$;

COMMENT ON FUNCTION :"meta".pointer_moved()
IS 'Let every session plan anew; to be called by those who move the pointer.';
REVOKE EXECUTE ON FUNCTION :"meta".pointer_moved() FROM PUBLIC;
