-- Computed, so that no row has to be there first: the same answer for the same customer as long as the experiment runs.

CREATE OR REPLACE FUNCTION :"ml".assign_arm(experiment text, customer_id :customer_id_type) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    found :"meta".experiments%ROWTYPE;
BEGIN
    SELECT e.* INTO found FROM :"meta".experiments AS e WHERE e.experiment = assign_arm.experiment;
    IF found.experiment IS NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('there is no experiment %s', coalesce(quote_literal(assign_arm.experiment), 'NULL')),
            HINT = 'SELECT experiment, arm, state FROM :"ml".experiments lists them.';
    END IF;
    IF assign_arm.customer_id IS NULL OR found.serving_since IS NULL OR found.stopped_at IS NOT NULL
        OR now() >= found.ends_at
        OR EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = assign_arm.customer_id)
        OR (found.experiment <> 'hold_out' AND :"ml".is_held_out(assign_arm.customer_id))
        OR (
            (found.segment_key IS NOT NULL OR found.min_orders IS NOT NULL) AND NOT EXISTS (
                SELECT FROM :"store".experiment_customers AS c
                WHERE c.experiment = found.experiment AND c.customer_id = assign_arm.customer_id
            )
        )
    THEN
        RETURN NULL;
    END IF;
    RETURN :"meta".draw_arm(found.experiment, assign_arm.customer_id::text);
END
$$;

COMMENT ON FUNCTION :"ml".assign_arm(text, :customer_id_type)
IS 'The arm of a customer in a running experiment; NULL for those who are not in it.';
REVOKE EXECUTE ON FUNCTION :"ml".assign_arm(text, :customer_id_type) FROM PUBLIC;
