-- models/segmentation/scaling.py, operation by operation: the last bit decides where a customer lies between two centers.

CREATE OR REPLACE FUNCTION :"meta".segment_position(value double precision, knots double precision[])
RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    last CONSTANT integer := cardinality(knots);
    step CONSTANT double precision := CASE WHEN last > 1 THEN 1::double precision / (last - 1) ELSE 0 END;
    lower CONSTANT integer := width_bucket(value, knots);  -- the last knot that is not above, 0 for none
    upper integer := lower + 1;  -- the first knot that is not below
    slope double precision;
BEGIN
    IF value = knots[last] THEN
        RETURN 1;
    ELSIF value = knots[1] OR lower = 0 THEN
        RETURN 0;
    ELSIF lower = last THEN
        RETURN CASE WHEN last > 1 THEN 1 ELSE 0 END;
    ELSIF value = knots[lower] THEN
        upper := lower;
        WHILE knots[upper - 1] = value LOOP
            upper := upper - 1;
        END LOOP;
        RETURN ((lower - 1) * step + (upper - 1) * step) / 2;
    END IF;
    slope := (CASE WHEN upper = last THEN 1 ELSE (upper - 1) * step END - (lower - 1) * step)
        / (knots[upper] - knots[lower]);
    RETURN (
        (slope * (value - knots[lower]) + (lower - 1) * step)
        + (CASE WHEN upper = last THEN 1 ELSE (upper - 1) * step END - slope * (knots[upper] - value))
    ) / 2;
END
$$;

COMMENT ON FUNCTION :"meta".segment_position(double precision, double precision[])
IS 'The position of a value among customers, 0 to 1, by the quantiles of a measure.';
REVOKE EXECUTE ON FUNCTION :"meta".segment_position(double precision, double precision[]) FROM PUBLIC;
