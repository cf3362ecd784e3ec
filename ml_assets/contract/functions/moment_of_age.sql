CREATE OR REPLACE FUNCTION :"meta".moment_of_age(
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
REVOKE EXECUTE ON FUNCTION :"meta".moment_of_age(date, interval, time, text, boolean, text) FROM PUBLIC;
