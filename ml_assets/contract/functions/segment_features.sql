-- What features/customers.py makes of a customer's orders, as far as it needs nothing but their days and amounts.

CREATE OR REPLACE FUNCTION :"ml".segment_features(
    days date[], amounts double precision[], as_of date DEFAULT NULL, lookback_days integer DEFAULT 400
) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    today CONSTANT date := coalesce(
        as_of, (SELECT ((now() + h.clock_shift) AT TIME ZONE h.timezone)::date FROM :"meta".shop AS h)
    );
    made jsonb;
BEGIN
    IF coalesce(cardinality(days), 0) <> coalesce(cardinality(amounts), 0)
        OR array_position(days, NULL) IS NOT NULL OR array_position(amounts, NULL) IS NOT NULL
        OR amounts && ARRAY['NaN', 'Infinity', '-Infinity']::double precision[]
    THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format(
                'there are %s days and %s amounts of orders, or some are NULL, NaN or infinite',
                coalesce(cardinality(days), 0), coalesce(cardinality(amounts), 0)
            ),
            HINT = 'Give each order its day and its amount; a return is an amount below 0.';
    END IF;
    SELECT jsonb_build_object(
            'decayed_spend', round(sum(o.amount * exp(-o.age / 90.0::double precision * ln(2::double precision)))::numeric, 6),
            'spend_365d', round(coalesce(sum(o.amount) FILTER (WHERE o.age < 365), 0)::numeric, 6),
            'spend_90d', round(coalesce(sum(o.amount) FILTER (WHERE o.age < 90), 0)::numeric, 6),
            'orders_365d', count(*) FILTER (WHERE o.bought AND o.age < 365),
            'orders_90d', count(*) FILTER (WHERE o.bought AND o.age < 90),
            'recency_days', min(o.age) FILTER (WHERE o.bought),
            'tenure_days', max(o.age) FILTER (WHERE o.bought),
            'mean_gap_days', (max(o.age) FILTER (WHERE o.bought) - min(o.age) FILTER (WHERE o.bought))::double precision
                / nullif(count(DISTINCT o.day) FILTER (WHERE o.bought) - 1, 0),
            'mean_order_value', sum(o.amount) FILTER (WHERE o.bought) / count(*) FILTER (WHERE o.bought),
            'weekend_share', avg((extract(isodow FROM o.day) >= 6)::integer::double precision) FILTER (WHERE o.bought)
        )
    INTO made
    FROM (
        SELECT u.day, u.amount, today - u.day AS age, u.amount >= 0 AS bought
        FROM unnest(days, amounts) AS u (day, amount)
        WHERE u.day BETWEEN today - lookback_days + 1 AND today
    ) AS o
    HAVING bool_or(o.bought);
    RETURN coalesce(made, '{}');
END
$$;

COMMENT ON FUNCTION :"ml".segment_features(date[], double precision[], date, integer)
IS 'The measures for assign_segment from the days and amounts of a customer''s orders: {} without any.';
REVOKE EXECUTE ON FUNCTION :"ml".segment_features(date[], double precision[], date, integer) FROM PUBLIC;
