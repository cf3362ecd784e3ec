CREATE OR REPLACE FUNCTION :"ml".recommend(customer_id :customer_id_type, placement text DEFAULT 'for_you', k integer DEFAULT NULL)
RETURNS TABLE (
    rank integer, item_id :item_id_type, score real, source text, reason_code text, reason_text text, data_as_of date,
    predicted_at timestamptz, model_version text, release_id bigint, is_stale boolean
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    -- Not given: as many as the release shows.
    wanted CONSTANT integer := CASE WHEN k < 0 THEN 0 ELSE k END;
    subject text := 'recommendations';
    live bigint;
    generic integer[];
    generic_is_stale boolean;
    shown text;
    ruled_by text;
BEGIN
    -- The hold-out first: who is held out is in no other. Nobody is in two of one list.
    SELECT coalesce(max(d.see) FILTER (WHERE d.of_every_list), max(d.see)) INTO shown
    FROM (
        SELECT e.placement IS NULL AS of_every_list,
            e.arms_see[1 + width_bucket(:"meta".place_of(e.salt, recommend.customer_id::text), e.arms_below)] AS see
        FROM :"meta".experiments AS e
        WHERE e.serving_since IS NOT NULL AND e.stopped_at IS NULL AND now() < e.ends_at
            AND (e.placement = recommend.placement OR e.placement IS NULL)
            AND (
                e.slice_from = 0 AND e.slice_until = 1
                OR width_bucket(
                    :"meta".place_of(e.layer_salt, recommend.customer_id::text), ARRAY[e.slice_from, e.slice_until]
                ) = 1
            )
    ) AS d;
    IF shown IS NOT NULL THEN
        shown := :"meta".list_drawn(recommend.customer_id, shown);
        IF shown = 'none' THEN
            RETURN;
        END IF;
    END IF;
    IF shown LIKE 'rules:%' THEN
        ruled_by := substr(shown, 7);
        RETURN QUERY
        SELECT d.rank, d.item_id, d.score, d.source, d.reason_code,
            :"meta".reason_text(d.reason_code, d.reason_item_1, d.reason_item_2), d.data_as_of, d.predicted_at,
            d.model_version, d.release_id, d.is_stale
        FROM :"meta".ruled_lists AS d
        WHERE d.customer_id = recommend.customer_id AND d.placement = recommend.placement AND d.arm = ruled_by
            AND d.rank <= coalesce(wanted, d.k)
        ORDER BY d.rank;
        IF FOUND OR wanted = 0 THEN
            RETURN;
        END IF;
    ELSIF shown LIKE '%.%' THEN
        RETURN QUERY
        SELECT d.rank, d.item_id, d.score, d.source, d.reason_code,
            :"meta".reason_text(d.reason_code, d.reason_item_1, d.reason_item_2), d.data_as_of, d.predicted_at,
            d.model_version, d.release_id, d.is_stale
        FROM :"meta".arm_lists AS d
        WHERE d.customer_id = recommend.customer_id AND d.placement = recommend.placement AND d.arm = shown
            AND d.rank <= coalesce(wanted, d.k)
        ORDER BY d.rank;
        IF FOUND OR wanted = 0 THEN
            RETURN;
        END IF;
        -- Nothing was made for this customer yet, or it was rolled back: rather the live list than none.
    END IF;
    -- Not as a condition of the query, which every read would follow for nothing.
    IF shown IS DISTINCT FROM 'popular' AND ruled_by IS NULL THEN
        RETURN QUERY
        SELECT d.rank, d.item_id, d.score, d.source, d.reason_code,
            :"meta".reason_text(d.reason_code, d.reason_item_1, d.reason_item_2), d.data_as_of, d.predicted_at,
            d.model_version, d.release_id, d.is_stale
        FROM :"meta".recommendation_lists AS d
        WHERE d.customer_id = recommend.customer_id AND d.placement = recommend.placement
            AND d.rank <= coalesce(wanted, d.k)
        ORDER BY d.rank;
        IF FOUND OR wanted = 0 THEN
            RETURN;
        END IF;
    END IF;
    live := :"meta".live_release(subject);
    IF recommend.placement = 'buy_again' THEN
        -- Nothing generic was bought before.
        PERFORM :"meta".tell_not_made(subject);
        RETURN;
    END IF;
    IF shown IS DISTINCT FROM 'popular' AND EXISTS (
        SELECT FROM :"store".recommendations AS t WHERE t.customer_id = recommend.customer_id AND t.release_id = live
    ) AND NOT EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = recommend.customer_id) THEN
        -- Known customers see their own list or, where their shop says so, none.
        RETURN;
    END IF;
    generic := CASE
        WHEN ruled_by IS NULL THEN :"meta".arrange(NULL, recommend.placement, NULL, NULL, 0)
        ELSE :"meta".arrange_for_arm(NULL, recommend.placement, NULL, NULL, 0, ruled_by)
    END;
    generic_is_stale := :"meta".popular_list_is_stale();
    RETURN QUERY
    SELECT v.rank::integer,
        CASE WHEN v.place > 0 THEN p.item_ids[v.place % 1000000] ELSE :"meta".item_outside(v.place) END,
        CASE WHEN v.place > 0 THEN p.scores[v.place % 1000000] END,
        s.code, s.code, :"meta".reason_text(s.code, NULL, NULL), r.data_as_of, r.predicted_at, r.model_version,
        r.release_id, generic_is_stale
    FROM :"meta".popular_list() AS p
    JOIN :"meta".releases AS r ON r.release_id = p.release_id
    CROSS JOIN LATERAL unnest(generic[:coalesce(wanted, r.k)]) WITH ORDINALITY AS v (place, rank)
    CROSS JOIN LATERAL (SELECT CASE WHEN v.place > 0 THEN 'popular' ELSE 'pinned' END AS code) AS s
    ORDER BY v.rank;
    IF NOT FOUND THEN
        PERFORM :"meta".tell_not_made(subject);
    END IF;
END
$$;

COMMENT ON FUNCTION :"ml".recommend(:customer_id_type, text, integer)
IS 'The k best items for a customer after all rules, or that of the customer''s arm; the popular items for unknown and opted-out customers.';
REVOKE EXECUTE ON FUNCTION :"ml".recommend(:customer_id_type, text, integer) FROM PUBLIC;
