CREATE OR REPLACE FUNCTION :"ml".is_held_out(customer_id :customer_id_type) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM :"meta".experiments AS e
        WHERE e.experiment = 'hold_out' AND e.stopped_at IS NULL
            AND :"meta".draw_arm(e.experiment, is_held_out.customer_id::text) = 'held_out'
    )
$$;

COMMENT ON FUNCTION :"ml".is_held_out(:customer_id_type) IS 'Whether a customer sees no list at all, for good, so that the worth of all lists can be measured.';
REVOKE EXECUTE ON FUNCTION :"ml".is_held_out(:customer_id_type) FROM PUBLIC;
