-- The history by day of data. Of each day counts the release that is live, else the newest whole one; days may come in
-- any order, and again. The states of all other days stay what they are: where the day gets others than it had, rows
-- of the day that follows are added or taken away. What lies behind the live day is in the tables and not shown, so
-- that rolling back and going on write nothing.

CREATE OR REPLACE FUNCTION :"meta".keep_segment_history(of_release bigint, goes_live boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB'
AS $$
DECLARE
    of_subject CONSTANT text := :"meta".subject_of(of_release, ARRAY['live', 'ready']);
    release :"meta".releases;
    following date;
    preceding bigint;
BEGIN
    SELECT * INTO release FROM :"meta".releases AS r WHERE r.release_id = of_release;
    IF of_subject <> 'segment_assignments' OR EXISTS (
        SELECT FROM :"store".segment_days AS d
        LEFT JOIN :"meta".live AS l ON l.subject = of_subject
        WHERE d.day = release.data_as_of
            AND (d.release_id = of_release OR (d.release_id = l.release_id AND NOT goes_live))
    ) THEN
        RETURN;
    END IF;
    SELECT min(d.day) INTO following FROM :"store".segment_days AS d WHERE d.day > release.data_as_of;

    IF following IS NOT NULL THEN
        WITH was AS (
            SELECT DISTINCT ON (h.customer_id) h.customer_id, h.segment_key
            FROM :"store".segment_history AS h
            WHERE h.valid_from <= release.data_as_of
            ORDER BY h.customer_id, h.valid_from DESC
        ),
        changed AS (
            SELECT customer_id, w.segment_key AS was, n.segment_key AS becomes
            FROM was AS w
            FULL JOIN (
                SELECT t.customer_id, t.segment_key
                FROM :"store".segment_assignments AS t
                WHERE t.release_id = of_release
            ) AS n USING (customer_id)
            WHERE w.segment_key IS DISTINCT FROM n.segment_key
        ),
        without_change AS (
            DELETE FROM :"store".segment_history AS h
            USING changed AS c
            WHERE h.customer_id = c.customer_id AND h.valid_from = following
                AND h.segment_key IS NOT DISTINCT FROM c.becomes
        )
        INSERT INTO :"store".segment_history (customer_id, valid_from, segment_key)
        SELECT c.customer_id, following, c.was
        FROM changed AS c
        WHERE NOT EXISTS (
            SELECT FROM :"store".segment_history AS h
            WHERE h.customer_id = c.customer_id AND h.valid_from = following
        );
    END IF;

    -- The states of the day before are also the rows of its release, which are read faster while they are there. The
    -- lock keeps them: drop_release writes to that row and gives up.
    SELECT r.release_id INTO preceding
    FROM :"meta".releases AS r
    WHERE r.release_id = (
            SELECT d.release_id
            FROM :"store".segment_days AS d
            WHERE d.day < release.data_as_of
            ORDER BY d.day DESC
            LIMIT 1
        )
        AND r.dropped_at IS NULL
    FOR SHARE;
    DELETE FROM :"store".segment_history AS h WHERE h.valid_from = release.data_as_of;
    WITH before AS (
        SELECT t.customer_id, t.segment_key
        FROM :"store".segment_assignments AS t
        WHERE t.release_id = preceding
        UNION ALL
        (
            SELECT DISTINCT ON (h.customer_id) h.customer_id, h.segment_key
            FROM :"store".segment_history AS h
            WHERE preceding IS NULL AND h.valid_from < release.data_as_of
            ORDER BY h.customer_id, h.valid_from DESC
        )
    )
    INSERT INTO :"store".segment_history (customer_id, valid_from, segment_key, reason_from, reason, measures)
    SELECT customer_id, release.data_as_of, n.segment_key, n.moved_from, n.reason, n.reason_measures::jsonb
    FROM before AS b
    FULL JOIN (
        SELECT t.customer_id, t.segment_key, t.moved_from, t.reason, t.reason_measures
        FROM :"store".segment_assignments AS t
        WHERE t.release_id = of_release
    ) AS n USING (customer_id)
    WHERE b.segment_key IS DISTINCT FROM n.segment_key;

    INSERT INTO :"store".segment_days AS d (day, release_id, model_version, keys, names, customers)
    SELECT release.data_as_of, of_release, release.model_version,
        coalesce(array_agg(segment_key ORDER BY segment_key), '{}'),
        coalesce(array_agg(coalesce(s.segment_name, segment_key) ORDER BY segment_key), '{}'),
        coalesce(array_agg(coalesce(n.customers, 0) ORDER BY segment_key), '{}')
    FROM (
        SELECT t.segment_key, count(*) AS customers
        FROM :"store".segment_assignments AS t
        WHERE t.release_id = of_release
        GROUP BY t.segment_key
    ) AS n
    FULL JOIN (
        SELECT g.segment_key, g.segment_name FROM :"store".segments AS g WHERE g.release_id = of_release
    ) AS s USING (segment_key)
    ON CONFLICT (day) DO UPDATE SET
        release_id = excluded.release_id, model_version = excluded.model_version, keys = excluded.keys,
        names = excluded.names, customers = excluded.customers;
    PERFORM :"meta".count_segment_moves(release.data_as_of), :"meta".note_segment_changes(release.data_as_of);
    IF following IS NOT NULL THEN
        PERFORM :"meta".count_segment_moves(following), :"meta".note_segment_changes(following);
    END IF;
END
$$;

COMMENT ON FUNCTION :"meta".keep_segment_history(bigint, boolean)
IS 'Take a whole release of segments into the history, once; nothing where another release of its day is live.';
REVOKE EXECUTE ON FUNCTION :"meta".keep_segment_history(bigint, boolean) FROM PUBLIC;
