-- The functions of the contract. Those with a body in SQL's own syntax were resolved when they were made, so no search
-- path can redirect them; the others have it fixed.

CREATE FUNCTION :"meta".release_at(of_subject text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    -- The newest move that had happened by then; a clock that was set back makes it win over later times.
    SELECT r.release_id, r.dropped_at INTO found
    FROM :"meta".live_history AS h
    JOIN :"meta".releases AS r ON r.release_id = h.release_id
    WHERE h.subject = of_subject AND h.live_from <= at
    ORDER BY h.move_id DESC
    LIMIT 1;
    IF found.dropped_at IS NOT NULL THEN
        RAISE EXCEPTION 'The release % of %, live at %, was dropped by retention on %.',
            found.release_id, of_subject, at, found.dropped_at::date
            USING HINT = 'ml.releases lists what is kept; the setting serving.keep_releases says how much.';
    END IF;
    RETURN found.release_id;
END
$$;
COMMENT ON FUNCTION :"meta".release_at(text, timestamptz) IS 'Which release of a subject was live at a moment.';
GRANT EXECUTE ON FUNCTION :"meta".release_at(text, timestamptz) TO PUBLIC;

CREATE FUNCTION :"ml".recommendations_as_of(at timestamptz)
RETURNS TABLE (
    customer_id :customer_id_type, placement text, rank integer, item_id :item_id_type, score real, source text,
    reason_code text, reason_items :item_id_type[], data_as_of date, predicted_at timestamptz, model_version text,
    release_id bigint
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.customer_id, p.placement, p.rank, p.item_id, p.score, p.source, p.reason_code, p.reason_items,
        p.data_as_of, p.predicted_at, p.model_version, p.release_id
    FROM :"ml".past_recommendations AS p
    WHERE p.release_id = :"meta".release_at('recommendations', recommendations_as_of.at);
END;
COMMENT ON FUNCTION :"ml".recommendations_as_of(timestamptz)
IS 'The lists that were live at a moment, as published. Filter by customer_id and placement, order by rank.';

CREATE FUNCTION :"ml".segment_assignments_as_of(at timestamptz)
RETURNS TABLE (
    customer_id :customer_id_type, segment_key text, segment_name text, data_as_of date, predicted_at timestamptz,
    model_version text, release_id bigint
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.customer_id, p.segment_key, p.segment_name, p.data_as_of, p.predicted_at, p.model_version, p.release_id
    FROM :"ml".past_segment_assignments AS p
    WHERE p.release_id = :"meta".release_at('segment_assignments', segment_assignments_as_of.at);
END;
COMMENT ON FUNCTION :"ml".segment_assignments_as_of(timestamptz)
IS 'The segment of every customer that was live at a moment.';


CREATE FUNCTION :"meta".reason_text(of_code text, item_1 :item_id_type, item_2 :item_id_type) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN item_1 IS NULL THEN c.plain
        WHEN c.template LIKE '%{items}%' THEN replace(c.template, '{items}', concat_ws(' and ', n.name_1, n.name_2))
        ELSE replace(c.template, '{item}', n.name_1)
    END
    FROM :"meta".reason_templates AS c
    CROSS JOIN LATERAL (
        SELECT
            coalesce((SELECT i.item_name FROM :"store".items AS i WHERE i.item_id = item_1), item_1::text) AS name_1,
            coalesce((SELECT i.item_name FROM :"store".items AS i WHERE i.item_id = item_2), item_2::text) AS name_2
    ) AS n
    WHERE c.code = of_code
$$;
COMMENT ON FUNCTION :"meta".reason_text(text, :item_id_type, :item_id_type) IS 'The sentence behind a reason.';

CREATE FUNCTION :"ml".recommend(customer_id :customer_id_type, placement text DEFAULT 'for_you', k integer DEFAULT NULL)
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
    generic integer[];
BEGIN
    RETURN QUERY
    SELECT d.rank, d.item_id, d.score, d.source, d.reason_code,
        :"meta".reason_text(d.reason_code, d.reason_item_1, d.reason_item_2), d.data_as_of, d.predicted_at,
        d.model_version, d.release_id, d.is_stale
    FROM :"meta".recommendation_lists AS d
    WHERE d.customer_id = recommend.customer_id AND d.placement = recommend.placement AND d.rank <= coalesce(wanted, d.k)
    ORDER BY d.rank;
    -- Known customers see their own list or, where their shop says so, none. Nothing generic was bought before.
    IF FOUND OR wanted = 0 OR recommend.placement = 'buy_again' OR (
        NOT EXISTS (SELECT FROM :"meta".opt_outs AS o WHERE o.customer_id = recommend.customer_id)
        AND EXISTS (
            SELECT FROM :"store".recommendations AS t
            WHERE t.customer_id = recommend.customer_id AND t.release_id = (
                SELECT h.release_id
                FROM :"meta".live_history AS h
                WHERE h.subject = 'recommendations'
                    AND (SELECT true FROM :"store".recommendations AS p WHERE p.release_id = h.release_id LIMIT 1)
                ORDER BY h.move_id DESC
                LIMIT 1
            )
        )
    ) THEN
        RETURN;
    END IF;
    generic := :"meta".arrange(NULL, recommend.placement, NULL, NULL, 0);
    RETURN QUERY
    SELECT v.rank::integer, :"meta".item_outside(v.place), CASE WHEN v.place > 0 THEN p.scores[v.place % 1000000] END,
        s.code, s.code, :"meta".reason_text(s.code, NULL, NULL), r.data_as_of, r.predicted_at, r.model_version, r.release_id,
        :"meta".popular_list_is_stale()
    FROM :"meta".popular_list() AS p
    JOIN :"meta".releases AS r ON r.release_id = p.release_id
    CROSS JOIN LATERAL unnest(generic[:coalesce(wanted, r.k)]) WITH ORDINALITY AS v (place, rank)
    CROSS JOIN LATERAL (SELECT CASE WHEN v.place > 0 THEN 'popular' ELSE 'pinned' END AS code) AS s
    ORDER BY v.rank;
END
$$;
COMMENT ON FUNCTION :"ml".recommend(:customer_id_type, text, integer)
IS 'The k best items for a customer after all rules; the popular items for unknown and opted-out customers.';

CREATE FUNCTION :"ml".recommend_for_items(item_ids :item_id_type[], k integer DEFAULT NULL)
RETURNS TABLE (
    rank integer, item_id :item_id_type, score double precision, source text, reason_code text,
    reason_items :item_id_type[], reason_text text, data_as_of date, release_id bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    wanted CONSTANT integer := CASE WHEN k < 0 THEN 0 ELSE k END;
    basket CONSTANT :item_id_type[] := array_remove(coalesce(item_ids, '{}'), NULL);
BEGIN
    RETURN QUERY
    WITH live AS MATERIALIZED (
        SELECT h.release_id
        FROM :"meta".live_history AS h
        WHERE h.subject = 'similar_items'
            AND (SELECT true FROM :"store".similar_items AS p WHERE p.release_id = h.release_id LIMIT 1)
        ORDER BY h.move_id DESC
        LIMIT 1
    ),
    votes AS (
        SELECT u.item_id, sum(u.score::float8) AS score,
            (array_agg(t.item_id ORDER BY u.score DESC, t.item_id))[:2] AS because
        FROM :"store".similar_items AS t
        CROSS JOIN LATERAL unnest(t.item_ids, t.scores) AS u (item_id, score)
        WHERE t.release_id = (SELECT l.release_id FROM live AS l)
            AND t.item_id = ANY (basket)
            AND u.item_id <> ALL (basket)
        GROUP BY u.item_id
    ),
    pool AS (
        SELECT v.item_id, v.score, 'similar' AS source, 'because_you_bought' AS code, v.because,
            (SELECT l.release_id FROM live AS l) AS release_id, 0 AS tier, v.score AS strength
        FROM votes AS v
        UNION ALL
        SELECT c.item_id, NULL, 'popular', 'popular', NULL, p.release_id, 1, -c.place::float8
        FROM :"meta".popular_list() AS p
        CROSS JOIN LATERAL unnest(p.item_ids) WITH ORDINALITY AS c (item_id, place)
        WHERE c.item_id <> ALL (basket)
            AND NOT EXISTS (SELECT FROM votes AS v WHERE v.item_id = c.item_id)
    ),
    shown AS (
        SELECT p.*, row_number() OVER (ORDER BY p.tier, p.strength DESC, p.item_id) AS rank
        FROM pool AS p
        WHERE NOT EXISTS (
            SELECT FROM :"meta".hidden_items AS h
            WHERE h.item_id = p.item_id AND h.placement IS NULL
                AND now() >= h.valid_from AND now() < h.valid_until
        )
        ORDER BY rank
        LIMIT coalesce(
            wanted,
            (SELECT r.k FROM live AS l JOIN :"meta".releases AS r USING (release_id)),
            (:"meta".release_of_popular_list()).k
        )
    )
    SELECT s.rank::integer, s.item_id, s.score, s.source, s.code, coalesce(s.because, '{}'),
        :"meta".reason_text(s.code, s.because[1], s.because[2]),
        r.data_as_of, s.release_id
    FROM shown AS s
    JOIN :"meta".releases AS r ON r.release_id = s.release_id
    ORDER BY s.rank;
END
$$;
COMMENT ON FUNCTION :"ml".recommend_for_items(:item_id_type[], integer)
IS 'The k items that go best with some others, such as a basket; filled up with popular items.';

REVOKE EXECUTE ON FUNCTION
    :"ml".recommendations_as_of(timestamptz),
    :"ml".segment_assignments_as_of(timestamptz),
    :"ml".recommend(:customer_id_type, text, integer),
    :"ml".recommend_for_items(:item_id_type[], integer)
FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION :"meta".reason_text(text, :item_id_type, :item_id_type) FROM PUBLIC;
