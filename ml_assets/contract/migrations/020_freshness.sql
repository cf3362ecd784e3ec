-- Freshness at any moment: business days, deadlines, and the volume of the newest day.

ALTER TABLE :"meta".shop
    ADD COLUMN business_days smallint[] NOT NULL DEFAULT '{1,2,3,4,5,6,7}',
    ADD COLUMN clock_shift interval NOT NULL DEFAULT interval '0';
COMMENT ON COLUMN :"meta".shop.business_days IS 'Weekdays with business, Monday 1 to Sunday 7.';
COMMENT ON COLUMN :"meta".shop.clock_shift IS 'Added to the clock by which things are judged; not zero only in a demonstration.';

CREATE TABLE :"meta".holidays (
    day date PRIMARY KEY,
    name text NOT NULL
);
COMMENT ON TABLE :"meta".holidays IS 'From the settings: further days without business.';

ALTER TABLE :"meta".freshness_policies
    ADD COLUMN deadline time,
    ADD COLUMN deadline_zone text,
    ADD COLUMN business_days_only boolean NOT NULL DEFAULT false,
    ADD COLUMN volume_warn double precision,
    ADD COLUMN volume_error double precision,
    ADD COLUMN volume_weeks integer;
COMMENT ON COLUMN :"meta".freshness_policies.deadline IS 'A business day must be there by this time of the day after it; the ages then do not count.';
COMMENT ON COLUMN :"meta".freshness_policies.business_days_only IS 'Whether only business days make the subject older.';
COMMENT ON COLUMN :"meta".freshness_policies.volume_warn IS 'Rows of the newest day below this share of the usual are suspicious.';

-- What each day of the source held when it was last loaded.
CREATE TABLE :"meta".source_days (
    day date PRIMARY KEY,
    row_count bigint NOT NULL,
    fingerprint text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    run_id text
);
COMMENT ON TABLE :"meta".source_days IS 'Rows and content fingerprint of every day, as loaded into the lake.';

CREATE TABLE :"meta".restatements (
    restatement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    rows_before bigint NOT NULL,
    rows_after bigint NOT NULL,
    fingerprint_before text NOT NULL,
    fingerprint_after text NOT NULL,
    valid_until timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id text,
    rebuilt_at timestamptz
);
CREATE INDEX ON :"meta".restatements (day, valid_until);
COMMENT ON TABLE :"meta".restatements IS 'The ledger of days whose events changed after they were first loaded.';
COMMENT ON COLUMN :"meta".restatements.valid_until IS 'Until when the content before was what was known.';
COMMENT ON COLUMN :"meta".restatements.rebuilt_at IS 'When the partitions that depend on the day were asked for again.';

CREATE FUNCTION :"meta".is_business_day(day date) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT extract(isodow FROM day)::smallint = ANY (s.business_days)
        AND NOT EXISTS (SELECT 1 FROM :"meta".holidays AS h WHERE h.day = $1)
    FROM :"meta".shop AS s
$$;

-- The moment at which `span` of business time has passed since `since`. Local days are as long as they are: 23, 24 or
-- 25 hours.
CREATE FUNCTION :"meta".business_time_later(since timestamptz, span interval) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT d.begins + (make_interval(secs => extract(epoch FROM span)::double precision) - (d.total - d.length))
    FROM (
        SELECT b.begins, b.ends - b.begins AS length, sum(b.ends - b.begins) OVER (ORDER BY b.begins) AS total
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
        ) AS b
    ) AS d
    WHERE d.total >= make_interval(secs => extract(epoch FROM span)::double precision)
    ORDER BY d.begins
    LIMIT 1
$$;

CREATE FUNCTION :"meta".next_business_day(after date) RETURNS date
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (
            SELECT after + n FROM generate_series(1, 60) AS n
            WHERE :"meta".is_business_day(after + n) ORDER BY n LIMIT 1
        ),
        after + 1
    )
$$;

CREATE FUNCTION :"ml".freshness_at(at timestamptz)
RETURNS TABLE (
    subject text,
    kind text,
    data_as_of date,
    updated_at timestamptz,
    age interval,
    warn_after interval,
    error_after interval,
    status text,
    stale_at timestamptz,
    row_count bigint,
    usual_row_count bigint,
    reason text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH seen AS (
        SELECT o.subject, o.kind, o.data_as_of, o.updated_at
        FROM :"meta".observations AS o
        UNION ALL
        SELECT r.subject, 'predictions', r.data_as_of, l.moved_at
        FROM :"meta".live AS l
        JOIN :"meta".releases AS r USING (release_id)
        UNION ALL
        -- As old as the oldest champion among the placements that the newest training filled.
        SELECT p.kind || '_model', 'model', min(p.trained_through), max(p.registered_at)
        FROM (
            SELECT m.kind, m.placement, max(m.trained_through) AS trained_through, max(m.registered_at) AS registered_at
            FROM :"meta".models AS m
            WHERE m.decision = 'promoted' AND EXISTS (
                SELECT 1 FROM :"meta".models AS n
                WHERE n.kind = m.kind AND n.placement = m.placement AND n.trained_through = (
                    SELECT max(x.trained_through) FROM :"meta".models AS x WHERE x.kind = m.kind
                )
            )
            GROUP BY m.kind, m.placement
        ) AS p
        GROUP BY p.kind
    ),
    judged AS (
        SELECT
            y.subject, y.kind, s.data_as_of, s.updated_at, y.warn_after, y.error_after, y.deadline,
            coalesce(y.deadline_zone, h.timezone) AS deadline_zone, y.volume_warn, y.volume_error,
            (s.data_as_of + 1)::timestamp AT TIME ZONE h.timezone AS ended_at,
            y.business_days_only, v.row_count, v.usual
        FROM :"meta".freshness_policies AS y
        CROSS JOIN :"meta".shop AS h
        LEFT JOIN seen AS s ON s.subject = y.subject AND s.kind = y.kind
        LEFT JOIN LATERAL (
            SELECT
                n.row_count,
                (
                    SELECT CASE WHEN count(*) >= 3 THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY w.row_count) END
                    FROM :"meta".source_days AS w
                    WHERE w.day < n.day AND w.day >= n.day - 7 * y.volume_weeks AND (n.day - w.day) % 7 = 0
                        AND w.row_count > 0
                ) AS usual
            FROM :"meta".source_days AS n
            WHERE y.kind = 'data' AND n.day = s.data_as_of AND :"meta".is_business_day(n.day)
        ) AS v ON true
    ),
    timed AS (
        SELECT
            j.*,
            CASE
                WHEN j.deadline IS NOT NULL
                    THEN (:"meta".next_business_day(j.data_as_of) + 1 + j.deadline) AT TIME ZONE j.deadline_zone
                WHEN j.business_days_only THEN :"meta".business_time_later(j.ended_at, j.error_after)
                ELSE j.ended_at + make_interval(secs => extract(epoch FROM j.error_after)::double precision)
            END AS stale_at,
            CASE
                WHEN j.deadline IS NOT NULL THEN NULL
                WHEN j.business_days_only THEN :"meta".business_time_later(j.ended_at, j.warn_after)
                ELSE j.ended_at + make_interval(secs => extract(epoch FROM j.warn_after)::double precision)
            END AS warn_at
        FROM judged AS j
    )
    SELECT
        t.subject,
        t.kind,
        t.data_as_of,
        t.updated_at,
        at - t.ended_at,
        t.warn_after,
        t.error_after,
        CASE
            WHEN t.data_as_of IS NULL THEN 'missing'
            WHEN at > t.stale_at OR t.row_count < t.usual * t.volume_error THEN 'stale'
            WHEN at > t.warn_at OR t.row_count < t.usual * t.volume_warn THEN 'warn'
            ELSE 'fresh'
        END,
        t.stale_at,
        t.row_count,
        t.usual::bigint,
        CASE
            WHEN t.data_as_of IS NULL THEN 'Nothing has ever arrived.'
            WHEN at > coalesce(t.warn_at, t.stale_at) AND t.deadline IS NOT NULL THEN format(
                'The day after %s was due by %s %s.', t.data_as_of, to_char(t.deadline, 'HH24:MI'), t.deadline_zone
            )
            WHEN at > coalesce(t.warn_at, t.stale_at) THEN format(
                'The newest day is %s; a newer one was due %s hours after its end.',
                t.data_as_of,
                trim_scale(round((extract(epoch FROM CASE WHEN at > t.stale_at THEN t.error_after ELSE t.warn_after END) / 3600)::numeric, 1))
            )
            WHEN t.row_count < t.usual * t.volume_warn THEN format(
                '%s has %s rows; %s are usual for that weekday.', t.data_as_of, t.row_count, round(t.usual)
            )
        END
    FROM timed AS t
$$;
COMMENT ON FUNCTION :"ml".freshness_at(timestamptz) IS 'How old everything known now will be, or would have been, at a moment.';

CREATE OR REPLACE VIEW :"ml".freshness AS
SELECT
    f.subject,
    f.kind,
    f.data_as_of,
    f.updated_at,
    f.age,
    f.warn_after,
    f.error_after,
    f.status,
    f.stale_at,
    f.row_count,
    f.usual_row_count,
    f.reason
FROM :"ml".freshness_at(now() + (SELECT s.clock_shift FROM :"meta".shop AS s)) AS f;
COMMENT ON COLUMN :"ml".freshness.stale_at IS 'When it becomes stale unless something newer arrives.';
COMMENT ON COLUMN :"ml".freshness.row_count IS 'Of data: rows of the newest day.';
COMMENT ON COLUMN :"ml".freshness.usual_row_count IS 'Of data: the median of the same weekday in the weeks before.';
COMMENT ON COLUMN :"ml".freshness.reason IS 'Why it is not fresh.';

CREATE VIEW :"ml".restatements AS
SELECT r.day, r.rows_before, r.rows_after, r.valid_until AS changed_at, r.rebuilt_at
FROM :"meta".restatements AS r;
COMMENT ON VIEW :"ml".restatements IS 'Days whose events changed after they were first loaded.';
COMMENT ON COLUMN :"ml".restatements.day IS 'The day that was corrected.';
COMMENT ON COLUMN :"ml".restatements.rows_before IS 'Rows as first known.';
COMMENT ON COLUMN :"ml".restatements.rows_after IS 'Rows after the correction.';
COMMENT ON COLUMN :"ml".restatements.changed_at IS 'When the correction was loaded.';
COMMENT ON COLUMN :"ml".restatements.rebuilt_at IS 'When what depends on the day was asked for again.';
