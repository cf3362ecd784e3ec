-- From the rows of the history that begin on the day, which are few: everybody else stayed.

CREATE OR REPLACE FUNCTION :"meta".count_segment_moves(of_day date) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM :"store".segment_moves AS m WHERE m.day = of_day;

    WITH changed AS (
        SELECT b.segment_key AS from_segment, h.segment_key AS to_segment, count(*) AS customers
        FROM :"store".segment_history AS h
        LEFT JOIN LATERAL (
            SELECT p.segment_key
            FROM :"store".segment_history AS p
            WHERE p.customer_id = h.customer_id AND p.valid_from < of_day
            ORDER BY p.valid_from DESC
            LIMIT 1
        ) AS b ON true
        WHERE h.valid_from = of_day
        GROUP BY 1, 2
    ),
    stayed AS (
        SELECT
            k.segment_key,
            k.customers
            - coalesce((SELECT sum(c.customers) FROM changed AS c WHERE c.to_segment = k.segment_key), 0) AS customers
        FROM :"store".segment_days AS d
        CROSS JOIN LATERAL unnest(d.keys, d.customers) AS k (segment_key, customers)
        WHERE d.day = of_day
    )
    INSERT INTO :"store".segment_moves (day, from_segment, to_segment, customers)
    SELECT of_day, c.from_segment, c.to_segment, c.customers FROM changed AS c
    UNION ALL
    SELECT of_day, s.segment_key, s.segment_key, s.customers FROM stayed AS s WHERE s.customers > 0;
$$;

COMMENT ON FUNCTION :"meta".count_segment_moves(date) IS 'Count anew who went from which segment to which on a day.';
REVOKE EXECUTE ON FUNCTION :"meta".count_segment_moves(date) FROM PUBLIC;
