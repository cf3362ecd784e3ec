CREATE OR REPLACE FUNCTION :"meta".prune_purchases() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM :"meta".purchases AS b
    WHERE b.bought_at < least(
        now() - (SELECT coalesce(max(p.repeat_after), '0') FROM :"meta".placements AS p),
        (
            SELECT r.data_as_of::timestamp AT TIME ZONE h.timezone
            FROM :"meta".live AS l
            JOIN :"meta".releases AS r USING (release_id)
            CROSS JOIN :"meta".shop AS h
            WHERE l.subject = 'recommendations'
        )
    )
$$;

COMMENT ON FUNCTION :"meta".prune_purchases() IS 'Remove noted purchases that the live release knows and that no placement still waits for.';
REVOKE EXECUTE ON FUNCTION :"meta".prune_purchases() FROM PUBLIC;
