CREATE OR REPLACE FUNCTION :"meta".stale_moment(of_subject text, as_of date) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT :"meta".moment_of_age(as_of, y.error_after, y.deadline, y.deadline_zone, y.business_days_only, h.timezone)
    FROM :"meta".freshness_policies AS y
    CROSS JOIN :"meta".shop AS h
    WHERE y.subject = CASE of_subject WHEN 'arm_recommendations' THEN 'recommendations' ELSE of_subject END
        AND y.kind = 'predictions'
$$;

COMMENT ON FUNCTION :"meta".stale_moment(text, date)
IS 'When the release of a day becomes stale; NULL without a policy.';
REVOKE EXECUTE ON FUNCTION :"meta".stale_moment(text, date) FROM PUBLIC;
