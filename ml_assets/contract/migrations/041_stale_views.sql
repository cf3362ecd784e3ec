-- What readers see as stale goes by the moment kept beside the release.
--
-- Only the expressions of staleness differ from the definitions before. Names, columns and arguments are the same, so
-- that grants, dependants and prepared statements stay.

CREATE OR REPLACE FUNCTION :"meta".popular_list_is_stale() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(now() + h.clock_shift > (:"meta".release_of_popular_list()).stale_at, false)
    FROM :"meta".shop AS h
$$;

CREATE OR REPLACE FUNCTION :"meta".arrange(
    for_customer :customer_id_type, in_placement text, candidates :item_id_type[], as_of date, depth integer
) RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- The plans are the same for every list; making them takes longer than following them.
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    mode text := 'serve';
    pool :item_id_type[] := candidates;
    codes integer[];
    popular :item_id_type[];
    hidden :item_id_type[];
    pins :item_id_type[];
    pin_rules integer[];
    pin_places integer[];
    boosted_items :item_id_type[];
    item_factors float8[];
    boosted_categories text[];
    category_factors float8[];
    capped text[];
    caps float8[];
    waits interval;
    places integer[];
    is_filled_up boolean := false;
BEGIN
    SELECT
        p.repeat_after,
        CASE
            WHEN p.on_stale <> 'serve' AND now() + (SELECT h.clock_shift FROM :"meta".shop AS h) > (
                -- All releases of a day become stale together.
                SELECT max(r.stale_at) FROM :"meta".releases AS r
                WHERE r.subject = 'recommendations' AND r.data_as_of = as_of AND r.dropped_at IS NULL
            ) THEN p.on_stale
            ELSE 'serve'
        END
    INTO waits, mode
    FROM :"meta".placements AS p
    WHERE p.placement = in_placement;
    IF candidates IS NULL THEN
        mode := 'fallback_popular';
    ELSIF mode = 'empty' THEN
        RETURN '{}';
    END IF;
    codes := ARRAY(SELECT generate_series(1, cardinality(pool)));
    IF mode = 'fallback_popular' THEN
        pool := (SELECT p.item_ids FROM :"meta".popular_list() AS p);
        codes := ARRAY(SELECT 2000000 + generate_series(1, cardinality(pool)));
    END IF;
    -- The first of several pins of an item counts.
    SELECT array_agg(f.item_id ORDER BY f.value, f.rule_id), array_agg(f.rule_id ORDER BY f.value, f.rule_id),
        array_agg(f.value::integer ORDER BY f.value, f.rule_id)
    INTO pins, pin_rules, pin_places
    FROM (
        SELECT DISTINCT ON (r.item_id) r.item_id, r.rule_id, r.value
        FROM :"meta".rules AS r
        WHERE r.kind = 'pin' AND (r.placement IS NULL OR r.placement = in_placement)
            AND now() >= r.valid_from AND now() < r.valid_until
        ORDER BY r.item_id, r.value, r.rule_id
    ) AS f;
    pins := coalesce(pins, '{}');
    SELECT
        array_agg(g.item_id) FILTER (WHERE g.item_id IS NOT NULL),
        array_agg(g.strength) FILTER (WHERE g.item_id IS NOT NULL),
        array_agg(g.category) FILTER (WHERE g.kind = 'boost' AND g.category IS NOT NULL),
        array_agg(g.strength) FILTER (WHERE g.kind = 'boost' AND g.category IS NOT NULL),
        array_agg(g.category) FILTER (WHERE g.kind = 'cap'),
        array_agg(g.strength) FILTER (WHERE g.kind = 'cap')
    INTO boosted_items, item_factors, boosted_categories, category_factors, capped, caps
    FROM (
        SELECT r.kind, r.item_id, r.category,
            CASE r.kind WHEN 'cap' THEN min(r.value) ELSE exp(sum(ln(greatest(r.value, 0.001)::float8))) END AS strength
        FROM :"meta".rules AS r
        WHERE r.kind IN ('boost', 'cap') AND (r.placement IS NULL OR r.placement = in_placement)
            AND now() >= r.valid_from AND now() < r.valid_until
        GROUP BY r.kind, r.item_id, r.category
    ) AS g;
    LOOP
        hidden := ARRAY(
            SELECT h.item_id FROM :"meta".hidden_items AS h
            WHERE h.item_id = ANY (pool || pins) AND (h.placement IS NULL OR h.placement = in_placement)
                AND now() >= h.valid_from AND now() < h.valid_until
            UNION ALL
            SELECT b.item_id FROM :"meta".recent_purchases AS b
            WHERE b.customer_id = for_customer AND (waits IS NULL OR b.bought_at > now() - waits)
        );
        IF boosted_categories IS NULL AND capped IS NULL THEN
            places := ARRAY(
                SELECT c.code
                FROM unnest(pool, codes) WITH ORDINALITY AS c (item_id, code, place)
                WHERE c.item_id <> ALL (hidden) AND c.item_id <> ALL (pins)
                ORDER BY c.place / coalesce(item_factors[array_position(boosted_items, c.item_id)], 1), c.place
            );
        ELSE
            places := ARRAY(
                SELECT n.code
                FROM (
                    SELECT k.code, k.key, k.place, k.most,
                        row_number() OVER (PARTITION BY k.category ORDER BY k.key, k.place) AS nth
                    FROM (
                        SELECT c.code, c.place, i.category, caps[array_position(capped, i.category)] AS most,
                            c.place / coalesce(item_factors[array_position(boosted_items, c.item_id)], 1)
                            / coalesce(category_factors[array_position(boosted_categories, i.category)], 1) AS key
                        FROM unnest(pool, codes) WITH ORDINALITY AS c (item_id, code, place)
                        LEFT JOIN :"store".items AS i ON i.item_id = c.item_id
                        WHERE c.item_id <> ALL (hidden) AND c.item_id <> ALL (pins)
                    ) AS k
                ) AS n
                WHERE n.most IS NULL OR n.nth <= n.most
                ORDER BY n.key, n.place
            );
        END IF;
        -- Nobody knows here what a customer bought years ago: lists of new, or of bought items are not filled up, nor
        -- are those that were short before any rule.
        EXIT WHEN is_filled_up OR mode = 'fallback_popular' OR in_placement IN ('discover', 'buy_again')
            OR cardinality(places) + cardinality(pins) >= least(depth, cardinality(candidates));
        popular := (SELECT p.item_ids FROM :"meta".popular_list() AS p);
        SELECT candidates || array_agg(c.item_id ORDER BY c.place),
            codes || array_agg(1000000 + c.place::integer ORDER BY c.place)
        INTO pool, codes
        FROM unnest(popular) WITH ORDINALITY AS c (item_id, place)
        WHERE c.item_id <> ALL (candidates);
        is_filled_up := true;
    END LOOP;
    FOR n IN 1 .. cardinality(pins) LOOP
        IF pins[n] <> ALL (hidden) THEN
            places := places[:pin_places[n] - 1]
                || -pin_rules[n] - CASE mode WHEN 'fallback_popular' THEN 1000000000 ELSE 0 END
                || places[pin_places[n]:];
        END IF;
    END LOOP;
    RETURN places;
END
$$;

CREATE OR REPLACE VIEW :"meta".recommendation_lists AS
SELECT
    t.customer_id,
    t.placement,
    v.rank::integer AS rank,
    CASE
        WHEN v.place BETWEEN 1 AND 1000000 THEN t.item_ids[v.place]
        ELSE :"meta".item_outside(v.place)
    END AS item_id,
    CASE WHEN v.place BETWEEN 1 AND 1000000 THEN t.scores[v.place] END AS score,
    CASE
        WHEN v.place BETWEEN 1 AND 1000000 THEN r.source_words[t.sources[v.place]]
        WHEN v.place < 0 THEN 'pinned'
        ELSE 'popular'
    END AS source,
    CASE
        WHEN v.place BETWEEN 1 AND 1000000 THEN r.reason_words[t.reasons[v.place]]
        WHEN v.place < 0 THEN 'pinned'
        ELSE 'popular'
    END AS reason_code,
    CASE WHEN v.place BETWEEN 1 AND 1000000 THEN t.reason_items_1[v.place] END AS reason_item_1,
    CASE WHEN v.place BETWEEN 1 AND 1000000 THEN t.reason_items_2[v.place] END AS reason_item_2,
    CASE
        WHEN v.place BETWEEN -1000000000 AND 2000000 THEN r.data_as_of
        ELSE (:"meta".release_of_popular_list()).data_as_of
    END AS data_as_of,
    CASE
        WHEN v.place BETWEEN -1000000000 AND 2000000 THEN r.predicted_at
        ELSE (:"meta".release_of_popular_list()).predicted_at
    END AS predicted_at,
    CASE
        WHEN v.place BETWEEN -1000000000 AND 2000000 THEN r.model_version
        ELSE (:"meta".release_of_popular_list()).model_version
    END AS model_version,
    CASE
        WHEN v.place BETWEEN -1000000000 AND 2000000 THEN r.release_id
        ELSE (:"meta".release_of_popular_list()).release_id
    END AS release_id,
    CASE
        WHEN v.place BETWEEN -1000000000 AND 2000000
            THEN coalesce(now() + (SELECT h.clock_shift FROM :"meta".shop AS h) > r.stale_at, false)
        ELSE :"meta".popular_list_is_stale()
    END AS is_stale,
    r.k
FROM :"store".recommendations AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
LEFT JOIN :"meta".placements AS p ON p.placement = t.placement
CROSS JOIN LATERAL unnest(
    coalesce(
        (
            SELECT f.places
            FROM (
                SELECT ARRAY(
                    SELECT u.place::integer
                    FROM unnest(t.item_ids) WITH ORDINALITY AS u (item_id, place)
                    WHERE u.item_id <> ALL (
                        ARRAY(
                            SELECT h.item_id
                            FROM :"meta".hidden_items AS h
                            WHERE h.item_id = ANY (t.item_ids)
                                AND (h.placement IS NULL OR h.placement = t.placement)
                                AND now() >= h.valid_from AND now() < h.valid_until
                            UNION ALL
                            SELECT b.item_id
                            FROM :"meta".recent_purchases AS b
                            WHERE b.customer_id = t.customer_id
                                AND (p.repeat_after IS NULL OR b.bought_at > now() - p.repeat_after)
                        )
                    )
                ) AS places
                OFFSET 0
            ) AS f
            WHERE cardinality(f.places) >= least(r.k, cardinality(t.item_ids))
                AND NOT EXISTS (
                    SELECT FROM :"meta".rules AS x
                    WHERE x.kind IN ('pin', 'boost', 'cap') AND now() >= x.valid_from AND now() < x.valid_until
                )
                AND (
                    coalesce(p.on_stale, 'serve') = 'serve'
                    OR NOT coalesce(now() + (SELECT h.clock_shift FROM :"meta".shop AS h) > r.stale_at, false)
                )
        ),
        :"meta".arrange(t.customer_id, t.placement, t.item_ids, r.data_as_of, r.k)
    )
) WITH ORDINALITY AS v (place, rank)
WHERE NOT EXISTS (SELECT FROM :"meta".opt_outs AS o WHERE o.customer_id = t.customer_id)
    AND t.release_id = (
        SELECT CASE
            WHEN l.moved_at < now() - interval '1 minute' THEN l.release_id
            ELSE (
                SELECT h.release_id
                FROM :"meta".live_history AS h
                WHERE h.subject = l.subject
                    AND (SELECT true FROM :"store".recommendations AS p WHERE p.release_id = h.release_id LIMIT 1)
                ORDER BY h.move_id DESC
                LIMIT 1
            )
        END
        FROM :"meta".live AS l
        WHERE l.subject = 'recommendations'
    );

CREATE OR REPLACE VIEW :"ml".segment_assignments AS
SELECT
    t.customer_id,
    t.segment_key,
    g.segment_name,
    r.data_as_of,
    r.predicted_at,
    r.model_version,
    r.release_id,
    coalesce(now() + (SELECT h.clock_shift FROM :"meta".shop AS h) > r.stale_at, false) AS is_stale
FROM :"store".segment_assignments AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
LEFT JOIN :"store".segments AS g ON g.release_id = t.release_id AND g.segment_key = t.segment_key
WHERE NOT EXISTS (SELECT FROM :"meta".opt_outs AS o WHERE o.customer_id = t.customer_id)
    AND t.release_id = (
        SELECT CASE
            WHEN l.moved_at < now() - interval '1 minute' THEN l.release_id
            ELSE (
                SELECT h.release_id
                FROM :"meta".live_history AS h
                WHERE h.subject = l.subject
                    AND (SELECT true FROM :"store".segment_assignments AS p WHERE p.release_id = h.release_id LIMIT 1)
                ORDER BY h.move_id DESC
                LIMIT 1
            )
        END
        FROM :"meta".live AS l
        WHERE l.subject = 'segment_assignments'
    );
