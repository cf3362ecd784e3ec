-- Lists that need more than leaving items out: pins, boosts, caps, and filling up what became too short. Made twice
-- (order.txt): `arrange` goes by the rules of everybody, `arrange_for_arm` by those that an arm of an experiment has in
-- their place. What the shop hides is hidden from all.
--
-- The views do the common case themselves. They call `arrange` where a rule of these kinds is in force, where too
-- few candidates are left, or where a stale list is replaced. It runs with its owner's rights and a fixed search path;
-- what PUBLIC may execute here it cannot name, because it may not use the schema.
--
-- A place above 0 counts in the list of candidates, above 1,000,000 in the popular items that fill a list up, above
-- 2,000,000 in the popular items shown instead of it. A place below 0 is minus the id of a pinning rule, less
-- 1,000,000,000 in a list of popular items shown instead: each row of such a list tells by its place alone that the
-- release it belongs to is that of the popular items.

CREATE OR REPLACE FUNCTION :"meta".:function(
    for_customer :customer_id_type, in_placement text, candidates :item_id_type[], as_of date, depth integer:one_more
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
    boosted_brands text[];
    brand_factors float8[];
    capped text[];
    caps float8[];
    capped_brands text[];
    brand_caps float8[];
    waits interval;
    places integer[];
    is_filled_up boolean := false;
    segment text;
BEGIN
    IF EXISTS (SELECT FROM :"meta".:rules AS r WHERE r.segment_key IS NOT NULL AND now() < r.valid_until) THEN
        segment := coalesce(
            (
                SELECT s.segment_key FROM :"store".segment_assignments AS s
                WHERE s.customer_id = for_customer AND s.release_id = :"meta".live_release('segment_assignments')
            ),
            'prospects'
        );
    END IF;
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
        FROM :"meta".:rules AS r
        WHERE r.kind = 'pin' AND (r.placement IS NULL OR r.placement = in_placement)
            AND (r.segment_key IS NULL OR r.segment_key = segment)
            AND now() >= r.valid_from AND now() < r.valid_until:of_arm
        ORDER BY r.item_id, r.value, r.rule_id
    ) AS f;
    pins := coalesce(pins, '{}');
    SELECT
        array_agg(g.item_id) FILTER (WHERE g.item_id IS NOT NULL),
        array_agg(g.strength) FILTER (WHERE g.item_id IS NOT NULL),
        array_agg(g.category) FILTER (WHERE g.kind = 'boost' AND g.category IS NOT NULL),
        array_agg(g.strength) FILTER (WHERE g.kind = 'boost' AND g.category IS NOT NULL),
        array_agg(g.brand) FILTER (WHERE g.kind = 'boost' AND g.brand IS NOT NULL),
        array_agg(g.strength) FILTER (WHERE g.kind = 'boost' AND g.brand IS NOT NULL),
        array_agg(g.category) FILTER (WHERE g.kind = 'cap' AND g.category IS NOT NULL),
        array_agg(g.strength) FILTER (WHERE g.kind = 'cap' AND g.category IS NOT NULL),
        array_agg(g.brand) FILTER (WHERE g.kind = 'cap' AND g.brand IS NOT NULL),
        array_agg(g.strength) FILTER (WHERE g.kind = 'cap' AND g.brand IS NOT NULL)
    INTO boosted_items, item_factors, boosted_categories, category_factors, boosted_brands, brand_factors, capped, caps,
        capped_brands, brand_caps
    FROM (
        SELECT r.kind, r.item_id, r.category, r.brand,
            CASE r.kind WHEN 'cap' THEN min(r.value) ELSE exp(sum(ln(greatest(r.value, 0.001)::float8))) END AS strength
        FROM :"meta".:rules AS r
        WHERE r.kind IN ('boost', 'cap') AND (r.placement IS NULL OR r.placement = in_placement)
            AND (r.segment_key IS NULL OR r.segment_key = segment)
            AND now() >= r.valid_from AND now() < r.valid_until:of_arm
        GROUP BY r.kind, r.item_id, r.category, r.brand
    ) AS g;
    LOOP
        hidden := ARRAY(
            SELECT h.item_id FROM :"meta".hidden_items AS h
            WHERE h.item_id = ANY (pool || pins) AND (h.placement IS NULL OR h.placement = in_placement)
                AND now() >= h.valid_from AND now() < h.valid_until
            UNION ALL
            SELECT b.item_id FROM :"meta".recent_purchases AS b
            WHERE b.customer_id = for_customer AND (waits IS NULL OR b.bought_at > now() - waits):and_hidden
        );
        IF num_nonnulls(boosted_categories, boosted_brands, capped, capped_brands) = 0 THEN
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
                    SELECT k.code, k.key, k.place, k.most, k.most_of_brand,
                        row_number() OVER (PARTITION BY k.category ORDER BY k.key, k.place) AS nth,
                        row_number() OVER (PARTITION BY k.brand ORDER BY k.key, k.place) AS nth_of_brand
                    FROM (
                        SELECT c.code, c.place, i.category, i.brand, caps[array_position(capped, i.category)] AS most,
                            brand_caps[array_position(capped_brands, i.brand)] AS most_of_brand,
                            c.place / coalesce(item_factors[array_position(boosted_items, c.item_id)], 1)
                            / coalesce(category_factors[array_position(boosted_categories, i.category)], 1)
                            / coalesce(brand_factors[array_position(boosted_brands, i.brand)], 1) AS key
                        FROM unnest(pool, codes) WITH ORDINALITY AS c (item_id, code, place)
                        LEFT JOIN :"store".items AS i ON i.item_id = c.item_id
                        WHERE c.item_id <> ALL (hidden) AND c.item_id <> ALL (pins)
                    ) AS k
                ) AS n
                WHERE (n.most IS NULL OR n.nth <= n.most)
                    AND (n.most_of_brand IS NULL OR n.nth_of_brand <= n.most_of_brand)
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

COMMENT ON FUNCTION :"meta".:function(:customer_id_type, text, :item_id_type[], date, integer:one_type)
IS 'The places of a list after all rules, best first; filled up where rules leave fewer than `depth`. No candidates: the popular items.';
:grant EXECUTE ON FUNCTION :"meta".:function(:customer_id_type, text, :item_id_type[], date, integer:one_type) :to PUBLIC;
