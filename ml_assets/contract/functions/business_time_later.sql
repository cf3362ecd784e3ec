-- The moment at which `span` of business time has passed since `since`. Local days are as long as they are: 23, 24 or
-- 25 hours. In seconds throughout: an interval of days is as long as the time zone of the session makes it.

CREATE OR REPLACE FUNCTION :"meta".business_time_later(since timestamptz, span interval) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT d.begins + make_interval(secs => extract(epoch FROM span)::double precision - (d.total - d.seconds))
    FROM (
        SELECT b.begins, b.seconds, sum(b.seconds) OVER (ORDER BY b.begins) AS total
        FROM (
            SELECT x.begins, extract(epoch FROM x.ends - x.begins)::double precision AS seconds
            FROM (
                SELECT
                    greatest(since, g.day::date::timestamp AT TIME ZONE s.timezone) AS begins,
                    (g.day::date + 1)::timestamp AT TIME ZONE s.timezone AS ends
                FROM :"meta".shop AS s
                CROSS JOIN LATERAL generate_series(
                    (since AT TIME ZONE s.timezone)::date::timestamp,
                    (since AT TIME ZONE s.timezone)::date
                        + make_interval(days => 24 + 8 * (extract(epoch FROM span) / 86400)::integer),
                    interval '1 day'
                ) AS g (day)
                WHERE extract(isodow FROM g.day)::smallint = ANY (s.business_days)
                    AND NOT EXISTS (SELECT 1 FROM :"meta".holidays AS h WHERE h.day = g.day::date)
            ) AS x
        ) AS b
    ) AS d
    WHERE d.total >= extract(epoch FROM span)::double precision
    ORDER BY d.begins
    LIMIT 1
$$;

REVOKE EXECUTE ON FUNCTION :"meta".business_time_later(timestamptz, interval) FROM PUBLIC;
