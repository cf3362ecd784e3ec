CREATE OR REPLACE FUNCTION :"meta".retire_releases(new_release bigint, keep integer) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE :"meta".releases AS r
    SET state = 'retired', retired_at = now(), retired_xid = pg_current_xact_id()
    FROM :"meta".releases AS new
    WHERE new.release_id = new_release AND r.subject = new.subject AND r.data_as_of = new.data_as_of
        AND r.release_id <> new.release_id
        AND (r.state = 'blocked' OR (r.state = 'ready' AND new.state <> 'blocked'));

    UPDATE :"meta".releases AS r
    SET state = 'retired', retired_at = now(), retired_xid = pg_current_xact_id()
    FROM (
        SELECT o.release_id, row_number() OVER (
            PARTITION BY o.state = 'blocked' ORDER BY o.data_as_of DESC, o.release_id DESC
        ) AS place
        FROM :"meta".releases AS o
        WHERE o.subject = (SELECT n.subject FROM :"meta".releases AS n WHERE n.release_id = new_release)
            AND o.state <> 'retired'
    ) AS ranked
    WHERE r.release_id = ranked.release_id AND ranked.place > keep AND r.state <> 'live';
$$;

COMMENT ON FUNCTION :"meta".retire_releases(bigint, integer) IS 'Retire what a new release replaces, and all but the newest of its subject.';
REVOKE EXECUTE ON FUNCTION :"meta".retire_releases(bigint, integer) FROM PUBLIC;
