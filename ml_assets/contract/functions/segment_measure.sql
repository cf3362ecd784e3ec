-- Each measure as models/segmentation/inputs.py has it: the same floor of days, the same stand-ins for nothing.

CREATE OR REPLACE FUNCTION :"meta".segment_measure(features jsonb, measure text) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given CONSTANT jsonb := features -> measure;
    tenure double precision;
    usual double precision;
BEGIN
    IF measure = 'pace' AND coalesce(jsonb_typeof(given), 'null') = 'null' THEN
        tenure := :"meta".segment_measure(features, 'tenure_days');
        usual := :"meta".segment_measure(features, 'spend_365d') * 90 / least(greatest(tenure, 90), 365);
        RETURN CASE WHEN usual > 0 THEN :"meta".segment_measure(features, 'spend_90d') / usual ELSE 0 END;
    END IF;
    IF jsonb_typeof(given) = 'number' THEN
        RETURN CASE
            WHEN measure IN ('recency_days', 'mean_gap_days') THEN greatest(given::double precision, 14)
            ELSE given::double precision
        END;
    END IF;
    IF jsonb_typeof(given) = 'null' THEN
        IF measure = 'mean_gap_days' THEN
            RETURN greatest(:"meta".segment_measure(features, 'tenure_days'), 14);
        ELSIF measure IN ('mean_order_value', 'basket_items', 'category_diversity', 'weekend_share', 'evening_share') THEN
            RETURN 0;
        END IF;
    ELSIF given IS NOT NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%s is %s, not a number', measure, given), HINT = 'Numbers in JSON have no quotes.';
    END IF;
    RAISE invalid_parameter_value USING
        MESSAGE = format('the features lack %s, on which the segments rest', measure),
        HINT = 'docs/segments_in_sql.md says how to work out each measure; a customer without any order has the features {}.';
END
$$;

COMMENT ON FUNCTION :"meta".segment_measure(jsonb, text) IS 'A measure that decides on a segment, out of the features of a customer.';
REVOKE EXECUTE ON FUNCTION :"meta".segment_measure(jsonb, text) FROM PUBLIC;
