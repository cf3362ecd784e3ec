-- The body is in SQL's own syntax: it was resolved when it was made, so no search path can redirect it.
--
-- A list is valid from the moment at which it was made anew, and one that was published with its release from the
-- beginning, whatever the clock said then.

CREATE OR REPLACE FUNCTION :"ml".recommendations_as_of(at timestamptz)
RETURNS TABLE (
    customer_id :customer_id_type, placement text, rank integer, item_id :item_id_type, score real, source text,
    reason_code text, reason_items :item_id_type[], data_as_of date, predicted_at timestamptz, model_version text,
    release_id bigint
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.customer_id, p.placement, p.rank, p.item_id, p.score, p.source, p.reason_code, p.reason_items,
        p.data_as_of, p.predicted_at, p.model_version, p.release_id
    FROM (
        SELECT customer_id, placement, rank, item_id, score, source, reason_code, reason_items, data_as_of, predicted_at,
            model_version, release_id, NULL::timestamptz AS replaced_at
        FROM :"ml".past_recommendations
        UNION ALL
        SELECT customer_id, placement, rank, item_id, score, source, reason_code, reason_items, data_as_of, predicted_at,
            model_version, release_id, replaced_at
        FROM :"ml".replaced_recommendations
    ) AS p
    WHERE p.release_id = :"meta".release_at('recommendations', recommendations_as_of.at)
        AND (p.replaced_at IS NULL OR p.replaced_at > recommendations_as_of.at)
        -- Asked for once, and not for every row.
        AND p.predicted_at <= (
            SELECT greatest(
                recommendations_as_of.at,
                :"meta".release_made_at(:"meta".release_at('recommendations', recommendations_as_of.at))
            )
        );
END;

COMMENT ON FUNCTION :"ml".recommendations_as_of(timestamptz)
IS 'The lists that were live at a moment, as published. Filter by customer_id and placement, order by rank.';
REVOKE EXECUTE ON FUNCTION :"ml".recommendations_as_of(timestamptz) FROM PUBLIC;
