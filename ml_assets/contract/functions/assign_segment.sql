-- models/segmentation/{clusters,calm}.py, operation by operation.

CREATE OR REPLACE FUNCTION :"ml".assign_segment(features jsonb, current_segment text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    measures CONSTANT text[] := ARRAY[
        'decayed_spend', 'spend_365d', 'spend_90d', 'orders_365d', 'orders_90d', 'recency_days', 'tenure_days',
        'mean_gap_days', 'mean_order_value', 'basket_items', 'category_diversity', 'weekend_share', 'evening_share',
        'pace'
    ];
    -- PostgreSQL refuses products that are too small for a double, where others make them 0.
    nothing CONSTANT double precision := 1e-150;
    unknown text;
    live_version text;
    model :"meta".segmentation_models;
    knots double precision[];
    centers double precision[];
    axes double precision[];
    count integer;
    many integer;
    position double precision[];
    away double precision;
    turned double precision;
    distance double precision;
    nearest double precision;
    own double precision;
    assigned text;
BEGIN
    IF jsonb_typeof(features) <> 'object' THEN
        RAISE invalid_parameter_value USING MESSAGE = format('the features are %s, not an object', features);
    END IF;
    SELECT k INTO unknown FROM jsonb_object_keys(features) AS k WHERE k <> ALL (measures) LIMIT 1;
    IF FOUND THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('there is no measure %s', unknown),
            HINT = format('Measures are %s.', array_to_string(measures, ', '));
    END IF;
    IF features IS NULL OR jsonb_strip_nulls(features) = '{}' THEN
        RETURN 'prospects';
    END IF;

    SELECT r.model_version INTO live_version
    FROM :"meta".live AS l
    JOIN :"meta".releases AS r ON r.release_id = l.release_id
    WHERE l.subject = 'segment_assignments';
    SELECT m.* INTO model FROM :"meta".segmentation_models AS m WHERE m.model_version = live_version;
    IF NOT FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = coalesce('there are no numbers of the live segments'' model ' || live_version, 'no segments are live'),
            HINT = 'They come with the next release of segments that a model of this shop made (ml-assets run).';
    END IF;

    -- Variables of their own: an array in a record is read anew at every step.
    knots := model.knots;
    centers := model.centers;
    axes := model.axes;
    count := cardinality(model.inputs);
    many := cardinality(knots) / count;
    FOR i IN 1 .. count LOOP
        position[i] := :"meta".segment_position(
            :"meta".segment_measure(features, model.inputs[i]), knots[(i - 1) * many + 1:i * many]
        );
    END LOOP;
    FOR s IN 1 .. cardinality(model.keys) LOOP
        distance := 0;
        FOR j IN 1 .. count LOOP
            turned := 0;
            FOR i IN 1 .. count LOOP
                away := position[i] - centers[(s - 1) * count + i];
                IF abs(away) > nothing THEN
                    turned := turned + away * axes[(i - 1) * count + j];
                END IF;
            END LOOP;
            IF abs(turned) > nothing THEN
                distance := distance + turned * turned;
            END IF;
        END LOOP;
        IF nearest IS NULL OR distance < nearest THEN
            nearest := distance;
            assigned := model.keys[s];
        END IF;
        IF model.keys[s] = current_segment THEN
            own := distance;
        END IF;
    END LOOP;
    RETURN CASE WHEN nearest >= power(1 - model.margin, 2) * own THEN current_segment ELSE assigned END;
END
$$;

COMMENT ON FUNCTION :"ml".assign_segment(jsonb, text)
IS 'The segment of any customer by the live model: prospects without features; who has a segment leaves it only for a clearly nearer one.';
REVOKE EXECUTE ON FUNCTION :"ml".assign_segment(jsonb, text) FROM PUBLIC;
