CREATE OR REPLACE FUNCTION :"meta".judge_freshness(at timestamptz)
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
    age_reason text,
    volume_reason text
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
        -- As old as the data of the oldest champion among the placements that the newest training filled. A model that
        -- was trained on a dead feed is as old as the feed; cards of earlier versions do not say.
        SELECT p.kind || '_model', 'model', min(p.data_as_of), max(p.registered_at)
        FROM (
            SELECT DISTINCT ON (m.kind, m.placement)
                m.kind, coalesce((m.card ->> 'data_as_of')::date, m.trained_through) AS data_as_of, m.registered_at
            FROM :"meta".models AS m
            WHERE m.decision = 'promoted' AND EXISTS (
                SELECT 1 FROM :"meta".models AS n
                WHERE n.kind = m.kind AND n.placement = m.placement AND n.trained_through = (
                    SELECT max(x.trained_through) FROM :"meta".models AS x WHERE x.kind = m.kind
                )
            )
            ORDER BY m.kind, m.placement, m.trained_through DESC, greatest(m.registered_at, m.forced_at, m.trial_ended_at) DESC,
                m.model_id DESC
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
        END,
        CASE
            WHEN t.row_count < t.usual * t.volume_warn THEN format(
                '%s has %s rows; %s are usual for that weekday.',
                t.data_as_of, to_char(t.row_count, 'FM999,999,999,999,990'), to_char(t.usual, 'FM999,999,999,999,990')
            )
        END
    FROM timed AS t
$$;

COMMENT ON FUNCTION :"meta".judge_freshness(timestamptz)
IS 'What freshness_at tells of a moment, with the two reasons apart: what is too old, and what has too few rows.';
REVOKE EXECUTE ON FUNCTION :"meta".judge_freshness(timestamptz) FROM PUBLIC;
