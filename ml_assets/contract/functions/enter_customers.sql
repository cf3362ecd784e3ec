-- Who is counted is written down once and never taken back: a customer who leaves the segment because of what the
-- experiment did stays in it. One who would have seen a list is in, whether or not the page was opened (intention to
-- treat).

CREATE OR REPLACE FUNCTION :"meta".enter_customers(
    of_experiment text, customers :customer_id_type[], orders_before double precision[], revenue_before double precision[],
    margin_before double precision[], on_day date
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entered bigint;
BEGIN
    INSERT INTO :"store".experiment_customers AS c (
        experiment, customer_id, arm, entered_on, orders_before, revenue_before, margin_before
    )
    SELECT of_experiment, d.customer_id, d.arm, on_day, d.orders, d.revenue, d.margin
    FROM (
        SELECT u.customer_id, u.orders, u.revenue, u.margin, :"meta".draw_arm(of_experiment, u.customer_id::text) AS arm
        FROM unnest(customers, orders_before, revenue_before, margin_before) AS u (customer_id, orders, revenue, margin)
        WHERE NOT EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = u.customer_id)
            AND NOT :"meta".is_erased(u.customer_id::text)
            AND (of_experiment = 'hold_out' OR NOT :"ml".is_held_out(u.customer_id))
    ) AS d
    JOIN :"meta".experiments AS e ON e.experiment = of_experiment AND e.stopped_at IS NULL AND now() < e.ends_at
    WHERE d.arm IS NOT NULL
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS entered = ROW_COUNT;
    RETURN entered;
END
$$;

COMMENT ON FUNCTION :"meta".enter_customers(text, :customer_id_type[], double precision[], double precision[], double precision[], date) IS 'Count these customers from a day on; how many were new.';
REVOKE EXECUTE ON FUNCTION :"meta".enter_customers(text, :customer_id_type[], double precision[], double precision[], double precision[], date) FROM PUBLIC;
