-- Lists that need more than leaving items out: pins, boosts, caps, and filling up what became too short.
--
-- The views do the common case themselves. They call `arrange` where a rule of these kinds is in force, where too
-- few candidates are left, or where a stale list is replaced. Each function runs with its owner's rights and a fixed
-- search path; what PUBLIC may execute here it cannot name, because it may not use the schema.
--
-- A place above 0 counts in the list of candidates, above 1,000,000 in the popular items that fill a list up, above
-- 2,000,000 in the popular items shown instead of it; a place below 0 is minus the id of a pinning rule.

CREATE FUNCTION :"meta".popular_list()
RETURNS TABLE (release_id bigint, item_ids :item_id_type[], scores real[])
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT t.release_id, t.item_ids, t.scores
    FROM :"store".popular_items AS t
    WHERE t.scope = 'all' AND t.release_id = (
        SELECT h.release_id
        FROM :"meta".live_history AS h
        WHERE h.subject = 'popular_items'
            AND (SELECT true FROM :"store".popular_items AS p WHERE p.release_id = h.release_id LIMIT 1)
        ORDER BY h.move_id DESC
        LIMIT 1
    );
END
$$;
COMMENT ON FUNCTION :"meta".popular_list() IS 'What sells best, at full depth.';

CREATE FUNCTION :"meta".release_of_popular_list() RETURNS :"meta".releases
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r FROM :"meta".popular_list() AS p JOIN :"meta".releases AS r ON r.release_id = p.release_id
$$;
COMMENT ON FUNCTION :"meta".release_of_popular_list() IS 'The release that stale lists are replaced from.';

CREATE FUNCTION :"meta".item_outside(place integer) RETURNS :item_id_type
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF place < 0 THEN
        RETURN (SELECT r.item_id FROM :"meta".rules AS r WHERE r.rule_id = -place);
    END IF;
    RETURN (SELECT p.item_ids[place % 1000000] FROM :"meta".popular_list() AS p);
END
$$;
COMMENT ON FUNCTION :"meta".item_outside(integer) IS 'The item at a place outside the candidates.';

CREATE FUNCTION :"meta".arrange(
    for_customer :customer_id_type, in_placement text, candidates :item_id_type[], mode text
) RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    popular :item_id_type[];
    hidden :item_id_type[];
    pinned :item_id_type[];
    waits interval;
    places integer[];
    pin record;
BEGIN
    IF mode = 'empty' THEN
        RETURN '{}';
    END IF;
    -- Nobody knows here what a customer bought years ago: lists of new, or of bought items are not filled up.
    IF mode = 'fallback_popular' OR in_placement NOT IN ('discover', 'buy_again') THEN
        popular := (SELECT p.item_ids FROM :"meta".popular_list() AS p);
    END IF;
    IF mode = 'fallback_popular' THEN
        candidates := '{}';
    END IF;
    SELECT p.repeat_after INTO waits FROM :"meta".placements AS p WHERE p.placement = in_placement;
    hidden := ARRAY(
        SELECT h.item_id FROM :"meta".hidden_items AS h
        WHERE h.item_id = ANY (candidates || popular || ARRAY(
                SELECT r.item_id FROM :"meta".rules AS r WHERE r.kind = 'pin'
            ))
            AND (h.placement IS NULL OR h.placement = in_placement)
            AND now() >= h.valid_from AND now() < h.valid_until
        UNION ALL
        SELECT b.item_id FROM :"meta".recent_purchases AS b
        WHERE b.customer_id = for_customer AND (waits IS NULL OR b.bought_at > now() - waits)
    );
    pinned := ARRAY(
        SELECT r.item_id FROM :"meta".rules AS r
        WHERE r.kind = 'pin' AND (r.placement IS NULL OR r.placement = in_placement)
            AND now() >= r.valid_from AND now() < r.valid_until AND r.item_id <> ALL (hidden)
    );
    WITH active AS MATERIALIZED (
        SELECT r.kind, r.item_id, r.category, r.value
        FROM :"meta".rules AS r
        WHERE r.kind IN ('boost', 'cap') AND (r.placement IS NULL OR r.placement = in_placement)
            AND now() >= r.valid_from AND now() < r.valid_until
    ),
    item_boosts AS (
        SELECT a.item_id, exp(sum(ln(a.value::float8))) AS factor
        FROM active AS a WHERE a.kind = 'boost' AND a.item_id IS NOT NULL GROUP BY a.item_id
    ),
    category_boosts AS (
        SELECT a.category, exp(sum(ln(a.value::float8))) AS factor
        FROM active AS a WHERE a.kind = 'boost' AND a.category IS NOT NULL GROUP BY a.category
    ),
    caps AS (
        SELECT a.category, min(a.value) AS most FROM active AS a WHERE a.kind = 'cap' GROUP BY a.category
    ),
    pool AS (
        SELECT c.item_id, c.place::integer AS code, c.place::float8 AS place
        FROM unnest(candidates) WITH ORDINALITY AS c (item_id, place)
        UNION ALL
        SELECT c.item_id, (c.place + CASE mode WHEN 'fallback_popular' THEN 2000000 ELSE 1000000 END)::integer,
            c.place + cardinality(candidates)
        FROM unnest(popular) WITH ORDINALITY AS c (item_id, place)
        WHERE c.item_id <> ALL (candidates)
    ),
    keyed AS (
        SELECT pool.code, i.category, caps.most,
            pool.place / coalesce(item_boosts.factor, 1) / coalesce(category_boosts.factor, 1) AS key
        FROM pool
        LEFT JOIN :"store".items AS i ON i.item_id = pool.item_id
        LEFT JOIN item_boosts ON item_boosts.item_id = pool.item_id
        LEFT JOIN category_boosts ON category_boosts.category = i.category
        LEFT JOIN caps ON caps.category = i.category
        WHERE pool.item_id <> ALL (hidden) AND pool.item_id <> ALL (pinned)
    ),
    counted AS (
        SELECT k.code, k.key, k.most, row_number() OVER (PARTITION BY k.category ORDER BY k.key, k.code) AS nth
        FROM keyed AS k
    )
    SELECT coalesce(array_agg(c.code ORDER BY c.key, c.code), '{}') INTO places
    FROM counted AS c
    WHERE c.most IS NULL OR c.nth <= c.most;
    IF cardinality(pinned) > 0 THEN
        FOR pin IN
            SELECT first.rule_id, first.value::integer AS place
            FROM (
                SELECT DISTINCT ON (r.item_id) r.item_id, r.rule_id, r.value
                FROM :"meta".rules AS r
                WHERE r.kind = 'pin' AND (r.placement IS NULL OR r.placement = in_placement)
                    AND now() >= r.valid_from AND now() < r.valid_until AND r.item_id = ANY (pinned)
                ORDER BY r.item_id, r.value, r.rule_id
            ) AS first
            ORDER BY first.value, first.rule_id
        LOOP
            places := places[:pin.place - 1] || -pin.rule_id || places[pin.place:];
        END LOOP;
    END IF;
    RETURN places;
END
$$;
COMMENT ON FUNCTION :"meta".arrange(:customer_id_type, text, :item_id_type[], text)
IS 'The places of a list after all rules, best first.';

GRANT EXECUTE ON FUNCTION
    :"meta".popular_list(),
    :"meta".release_of_popular_list(),
    :"meta".item_outside(integer),
    :"meta".arrange(:customer_id_type, text, :item_id_type[], text)
TO PUBLIC;
