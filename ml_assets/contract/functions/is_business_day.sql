CREATE OR REPLACE FUNCTION :"meta".is_business_day(day date) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT extract(isodow FROM day)::smallint = ANY (s.business_days)
        AND NOT EXISTS (SELECT 1 FROM :"meta".holidays AS h WHERE h.day = $1)
    FROM :"meta".shop AS s
$$;

REVOKE EXECUTE ON FUNCTION :"meta".is_business_day(date) FROM PUBLIC;
