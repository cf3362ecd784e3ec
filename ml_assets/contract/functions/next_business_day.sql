CREATE OR REPLACE FUNCTION :"meta".next_business_day(after date) RETURNS date
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (
            SELECT after + n FROM generate_series(1, 60) AS n
            WHERE :"meta".is_business_day(after + n) ORDER BY n LIMIT 1
        ),
        after + 1
    )
$$;

REVOKE EXECUTE ON FUNCTION :"meta".next_business_day(date) FROM PUBLIC;
