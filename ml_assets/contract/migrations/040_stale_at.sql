-- One moment at which a release becomes stale, for the views and for ml.freshness alike.
--
-- The moment depends on the day, the policy and the calendar, none of which changes while people read. It is therefore
-- kept beside each release and the views compare the clock with it. It is written whenever a release or its state
-- changes, and whenever the policies, the holidays or the calendar of the shop do, also by hand. Both sides take a
-- lock, shared or not, so that a release that goes live while a policy changes is judged by the new one.

ALTER TABLE :"meta".releases ADD COLUMN stale_at timestamptz;
COMMENT ON COLUMN :"meta".releases.stale_at IS 'When it becomes, or became, stale by the policy in force; NULL: never.';

-- In seconds throughout: an interval of days is as long as the time zone of the session makes it.
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

CREATE FUNCTION :"meta".moment_of_age(
    as_of date, age interval, deadline time, deadline_zone text, business_days_only boolean, shop_zone text
) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN deadline IS NOT NULL
            THEN (:"meta".next_business_day(as_of) + 1 + deadline) AT TIME ZONE coalesce(deadline_zone, shop_zone)
        WHEN business_days_only
            THEN :"meta".business_time_later((as_of + 1)::timestamp AT TIME ZONE shop_zone, age)
        ELSE (as_of + 1)::timestamp AT TIME ZONE shop_zone
            + make_interval(secs => extract(epoch FROM age)::double precision)
    END
$$;
COMMENT ON FUNCTION :"meta".moment_of_age(date, interval, time, text, boolean, text)
IS 'When a day is older than a policy allows: the one definition, for everything that is judged.';

CREATE FUNCTION :"meta".stale_moment(of_subject text, as_of date) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT :"meta".moment_of_age(as_of, y.error_after, y.deadline, y.deadline_zone, y.business_days_only, h.timezone)
    FROM :"meta".freshness_policies AS y
    CROSS JOIN :"meta".shop AS h
    WHERE y.subject = of_subject AND y.kind = 'predictions'
$$;
COMMENT ON FUNCTION :"meta".stale_moment(text, date)
IS 'When the release of a day becomes stale; NULL without a policy.';

CREATE FUNCTION :"meta".judge_releases(of_subject text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(':"meta".releases stale_at', 0));
    UPDATE :"meta".releases AS r
    SET stale_at = :"meta".stale_moment(r.subject, r.data_as_of)
    WHERE r.dropped_at IS NULL AND (of_subject IS NULL OR r.subject = of_subject)
        AND r.stale_at IS DISTINCT FROM :"meta".stale_moment(r.subject, r.data_as_of);
END
$$;
COMMENT ON FUNCTION :"meta".judge_releases(text) IS 'Writes anew when the kept releases become stale.';

CREATE FUNCTION :"meta".judge_release() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.stale_at := :"meta".stale_moment(NEW.subject, NEW.data_as_of);
    RETURN NEW;
END
$$;

CREATE FUNCTION :"meta".await_policies() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended(':"meta".releases stale_at', 0));
    RETURN NULL;
END
$$;

CREATE FUNCTION :"meta".policies_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM :"meta".judge_releases(CASE TG_OP WHEN 'DELETE' THEN OLD.subject ELSE NEW.subject END);
    IF TG_OP = 'UPDATE' AND OLD.subject <> NEW.subject THEN
        PERFORM :"meta".judge_releases(OLD.subject);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION :"meta".calendar_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM :"meta".judge_releases();
    RETURN NULL;
END
$$;

-- The lock comes before any row is taken, hence a trigger of its own. Not at the insert: loading takes its time, and
-- the state that lets readers in is written after it.
CREATE TRIGGER await_policies BEFORE UPDATE OF state, subject, data_as_of ON :"meta".releases
FOR EACH STATEMENT EXECUTE FUNCTION :"meta".await_policies();
CREATE TRIGGER judge_release BEFORE INSERT OR UPDATE OF state, subject, data_as_of ON :"meta".releases
FOR EACH ROW EXECUTE FUNCTION :"meta".judge_release();
CREATE TRIGGER policies_changed AFTER INSERT OR UPDATE OR DELETE ON :"meta".freshness_policies
FOR EACH ROW EXECUTE FUNCTION :"meta".policies_changed();
CREATE TRIGGER holidays_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON :"meta".holidays
FOR EACH STATEMENT EXECUTE FUNCTION :"meta".calendar_changed();
CREATE TRIGGER calendar_changed AFTER UPDATE OF timezone, business_days ON :"meta".shop
FOR EACH ROW
WHEN ((OLD.timezone, OLD.business_days) IS DISTINCT FROM (NEW.timezone, NEW.business_days))
EXECUTE FUNCTION :"meta".calendar_changed();
SELECT :"meta".judge_releases();

CREATE OR REPLACE FUNCTION :"ml".freshness_at(at timestamptz)
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
            coalesce(y.deadline_zone, h.timezone) AS deadline_zone, h.timezone AS shop_zone, y.volume_warn, y.volume_error,
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
            :"meta".moment_of_age(
                j.data_as_of, j.error_after, j.deadline, j.deadline_zone, j.business_days_only, j.shop_zone
            ) AS stale_at,
            CASE
                WHEN j.deadline IS NULL THEN :"meta".moment_of_age(
                    j.data_as_of, j.warn_after, NULL, NULL, j.business_days_only, j.shop_zone
                )
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
        -- Of a deadline, what it comes to for this day.
        CASE WHEN t.deadline IS NOT NULL AND t.stale_at IS NOT NULL THEN t.stale_at - t.ended_at ELSE t.error_after END,
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
                'The newest day is %s; a newer one was due by %s %s.',
                t.data_as_of, to_char(t.stale_at AT TIME ZONE t.deadline_zone, 'YYYY-MM-DD HH24:MI'), t.deadline_zone
            )
            WHEN at > coalesce(t.warn_at, t.stale_at) THEN format(
                'The newest day is %s; a newer one was due %s after its end.',
                t.data_as_of,
                regexp_replace(
                    trim_scale(round((extract(epoch FROM CASE WHEN at > t.stale_at THEN t.error_after ELSE t.warn_after END) / 3600)::numeric, 1))
                        || ' hours',
                    '^1 hours$', '1 hour'
                )
            )
            WHEN t.row_count < t.usual * t.volume_warn THEN format(
                '%s has %s rows; %s are usual for that weekday.', t.data_as_of, t.row_count, round(t.usual)
            )
        END
    FROM timed AS t
$$;
