-- Listed is what any list of the customer's, made for everybody or for the arm, had among the items shown, in a release
-- that was live on the day or within the six before. It is asked of every customer alike, also of those who were shown
-- none: so the arms can be compared. An item that a list showed on several days counts once, at its best place.

CREATE OR REPLACE FUNCTION :"meta".add_outcomes(
    of_day date, customers :customer_id_type[], orders integer[], revenue double precision[],
    returned double precision[], new_categories integer[], margin double precision[],
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
    WITH counted AS (
        SELECT u.customer_id, u.orders, u.revenue, u.returned, u.new_categories, u.margin
        FROM unnest(customers, orders, revenue, returned, new_categories, margin)
            AS u (customer_id, orders, revenue, returned, new_categories, margin)
        WHERE EXISTS (SELECT FROM :"store".experiment_customers AS c WHERE c.customer_id = u.customer_id)
            AND NOT :"meta".is_erased(u.customer_id::text)
    ), bought AS (
        SELECT b.customer_id, b.item_id
        FROM unnest(buyers, items) AS b (customer_id, item_id)
        JOIN counted AS c ON c.customer_id = b.customer_id
    ), listed AS (
        SELECT DISTINCT ON (b.customer_id, b.item_id, l.placement)
            b.customer_id, b.item_id, l.placement, v.rank, r.reason_words[v.reason] AS reason_code
        FROM (
            SELECT t.release_id, t.customer_id, t.placement, t.item_ids, t.reasons
            FROM :"meta".published_recommendations AS t WHERE t.release_id = ANY (releases)
            UNION ALL
            SELECT t.release_id, t.customer_id, t.placement, t.item_ids, t.reasons
            FROM :"store".arm_recommendations AS t WHERE t.release_id = ANY (releases)
        ) AS l
        JOIN :"meta".releases AS r ON r.release_id = l.release_id
        CROSS JOIN LATERAL unnest(l.item_ids[:r.k], l.reasons[:r.k]) WITH ORDINALITY AS v (item_id, reason, rank)
        JOIN bought AS b ON b.customer_id = l.customer_id AND b.item_id = v.item_id
        ORDER BY b.customer_id, b.item_id, l.placement, v.rank, l.release_id DESC
    ), placed AS (
        INSERT INTO :"store".experiment_listed (day, customer_id, placement, rank, reason_code, items)
        SELECT of_day, l.customer_id, l.placement, l.rank, coalesce(l.reason_code, ''), count(*)
        FROM listed AS l
        GROUP BY 2, 3, 4, 5
    )
    INSERT INTO :"store".experiment_days (
        day, customer_id, orders, revenue, returned, new_categories, margin, listed_items
    )
    SELECT of_day, c.customer_id, c.orders, c.revenue, c.returned, c.new_categories, c.margin,
        CASE WHEN cardinality(releases) > 0 THEN coalesce(n.items, 0) END
    FROM counted AS c
    LEFT JOIN (
        SELECT l.customer_id, count(DISTINCT l.item_id) AS items FROM listed AS l GROUP BY 1
    ) AS n ON n.customer_id = c.customer_id;
    GET DIAGNOSTICS added = ROW_COUNT;
    UPDATE :"meta".experiment_days_known AS k SET customers = k.customers + added WHERE k.day = of_day;
    RETURN added;
END
$$;

COMMENT ON FUNCTION :"meta".add_outcomes(date, :customer_id_type[], integer[], double precision[], double precision[], integer[], double precision[], :customer_id_type[], :item_id_type[])
IS 'Add what customers of experiments bought on a day; how many were added.';
REVOKE EXECUTE ON FUNCTION :"meta".add_outcomes(date, :customer_id_type[], integer[], double precision[], double precision[], integer[], double precision[], :customer_id_type[], :item_id_type[]) FROM PUBLIC;
