-- Listed is what any list of the customer's, made for everybody or for the arm, had among the items shown, in a release
-- that was live on the day or within the six before. It is asked of every customer alike, also of those who were shown
-- none: so the arms can be compared.

CREATE OR REPLACE FUNCTION :"meta".add_outcomes(
    of_day date, customers :customer_id_type[], orders integer[], revenue double precision[],
    buyers :customer_id_type[], items :item_id_type[]
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Until the end of the day, from the begin of the sixth before.
    zone CONSTANT text := (SELECT h.timezone FROM :"meta".shop AS h);
    since CONSTANT timestamptz := (of_day - 6)::timestamp AT TIME ZONE zone;
    until CONSTANT timestamptz := (of_day + 1)::timestamp AT TIME ZONE zone;
    releases bigint[];
    added bigint;
BEGIN
    releases := ARRAY(
        SELECT DISTINCT h.release_id
        FROM :"meta".live_history AS h
        JOIN :"meta".releases AS r ON r.release_id = h.release_id AND r.dropped_at IS NULL
        WHERE h.subject IN ('recommendations', 'arm_recommendations')
            AND h.live_from < until AND coalesce(h.live_until, 'infinity') > since
    );
    INSERT INTO :"store".experiment_days (day, customer_id, orders, revenue, listed_items)
    SELECT of_day, u.customer_id, u.orders, u.revenue,
        CASE WHEN cardinality(releases) > 0 THEN (
            SELECT count(DISTINCT b.item_id)
            FROM unnest(buyers, items) AS b (customer_id, item_id)
            WHERE b.customer_id = u.customer_id AND b.item_id IN (
                SELECT unnest(t.item_ids[:r.k]) FROM :"store".recommendations AS t
                JOIN :"meta".releases AS r ON r.release_id = t.release_id
                WHERE t.release_id = ANY (releases) AND t.customer_id = u.customer_id
                UNION ALL
                SELECT unnest(t.item_ids[:r.k]) FROM :"store".arm_recommendations AS t
                JOIN :"meta".releases AS r ON r.release_id = t.release_id
                WHERE t.release_id = ANY (releases) AND t.customer_id = u.customer_id
            )
        ) END
    FROM unnest(customers, orders, revenue) AS u (customer_id, orders, revenue)
    WHERE EXISTS (SELECT FROM :"store".experiment_customers AS c WHERE c.customer_id = u.customer_id)
        AND NOT :"meta".is_erased(u.customer_id::text);
    GET DIAGNOSTICS added = ROW_COUNT;
    UPDATE :"meta".experiment_days_known AS k SET customers = k.customers + added WHERE k.day = of_day;
    RETURN added;
END
$$;

COMMENT ON FUNCTION :"meta".add_outcomes(date, :customer_id_type[], integer[], double precision[], :customer_id_type[], :item_id_type[])
IS 'Add what customers of experiments bought on a day; how many were added.';
REVOKE EXECUTE ON FUNCTION :"meta".add_outcomes(date, :customer_id_type[], integer[], double precision[], :customer_id_type[], :item_id_type[]) FROM PUBLIC;
