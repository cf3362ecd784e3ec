-- A plan knows which release is live, and holds its partition alone.
--
-- The views call live_release, which is IMMUTABLE although it reads a table: PostgreSQL therefore calls it while it
-- plans, the other releases are pruned there, and a lookup neither follows the pointer nor opens what is not live,
-- however many releases are kept. Three things make that safe:
--
-- 1. The planner's snapshot is older than the list of partitions that it goes by, and nothing drops the partition of a
--    release that a snapshot calls live. So a plan never names a partition that it does not know, and a plan that was
--    kept shows one whole release.
-- 2. Whoever moves the pointer calls pointer_moved, so that every session plans anew, at its next transaction at the
--    latest.
-- 3. A session can hold a plan from before a move nevertheless, for example made again within a REPEATABLE READ
--    transaction that began before it. Such a plan finds that its release is live no more, shows it once more, and
--    is forgotten.
--
-- Candidates are looked at one by one, in their order, until there are enough. Each is looked up in a hash index of
-- what is hidden, by a scalar subselect: PostgreSQL may turn a NOT EXISTS into a join that changes the order. Lists
-- that ml.recommendations cuts at k look no further than that; but for this LIMIT their view is recommendation_lists,
-- which ml.recommend reads because it may show more. Names and columns of what is read are the same, so that grants,
-- dependants and prepared statements stay.

CREATE FUNCTION :"meta".live_release(of_subject text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found CONSTANT bigint := (SELECT l.release_id FROM :"meta".live AS l WHERE l.subject = of_subject);
BEGIN
    -- The pointer may be visible a moment before its publisher has told this session of the partition. The size takes
    -- a lock on it: that waits for the publisher's end, and then everything told so far is heard.
    PERFORM pg_relation_size(to_regclass(':"store".' || quote_ident(of_subject || '_' || found)));
    RETURN found;
END
$$;
COMMENT ON FUNCTION :"meta".live_release(text)
IS 'The release that readers see, known while a statement is planned. For the views; see migration 043.';

CREATE FUNCTION :"meta".discard_plans() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DISCARD PLANS;
    RETURN true;
END
$$;
COMMENT ON FUNCTION :"meta".discard_plans() IS 'The work of forget_plans, which may not do it itself.';

CREATE FUNCTION :"meta".forget_plans() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN :"meta".discard_plans();
END
$$;
COMMENT ON FUNCTION :"meta".forget_plans() IS 'Let this session plan anew what it has prepared; true.';

CREATE FUNCTION :"meta".pointer_moved() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Changes nothing; sessions are told that releases, which every such plan reads, is not what it was.
    ALTER TABLE :"meta".releases ALTER COLUMN state SET STATISTICS -1;
END
$$;
COMMENT ON FUNCTION :"meta".pointer_moved()
IS 'Let every session plan anew; to be called by those who move the pointer.';

REVOKE EXECUTE ON FUNCTION :"meta".discard_plans(), :"meta".pointer_moved() FROM PUBLIC;

DROP INDEX :"meta".rules_that_hide;
CREATE INDEX rules_that_hide ON :"meta".rules USING hash (item_id) WHERE kind IN ('unavailable', 'ban');

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
                    SELECT u.place
                    FROM (
                        SELECT unnest(t.item_ids) AS item_id, generate_series(1, cardinality(t.item_ids)) AS place
                    ) AS u
                    WHERE u.item_id <> ALL (
                        ARRAY(
                            SELECT b.item_id
                            FROM :"meta".recent_purchases AS b
                            WHERE b.customer_id = t.customer_id
                                AND (p.repeat_after IS NULL OR b.bought_at > now() - p.repeat_after)
                        )
                    )
                    AND (
                        SELECT true
                        FROM :"meta".hidden_items AS h
                        WHERE h.item_id = u.item_id
                            AND (h.placement IS NULL OR h.placement = t.placement)
                            AND now() >= h.valid_from AND now() < h.valid_until
                        LIMIT 1
                    ) IS NULL
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
    AND r.release_id = :"meta".live_release('recommendations')
    AND CASE WHEN r.state = 'live' THEN true ELSE :"meta".forget_plans() END;

CREATE VIEW :"meta".shown_recommendation_lists AS
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
                    SELECT u.place
                    FROM (
                        SELECT unnest(t.item_ids) AS item_id, generate_series(1, cardinality(t.item_ids)) AS place
                    ) AS u
                    WHERE u.item_id <> ALL (
                        ARRAY(
                            SELECT b.item_id
                            FROM :"meta".recent_purchases AS b
                            WHERE b.customer_id = t.customer_id
                                AND (p.repeat_after IS NULL OR b.bought_at > now() - p.repeat_after)
                        )
                    )
                    AND (
                        SELECT true
                        FROM :"meta".hidden_items AS h
                        WHERE h.item_id = u.item_id
                            AND (h.placement IS NULL OR h.placement = t.placement)
                            AND now() >= h.valid_from AND now() < h.valid_until
                        LIMIT 1
                    ) IS NULL
                    LIMIT r.k
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
    AND r.release_id = :"meta".live_release('recommendations')
    AND CASE WHEN r.state = 'live' THEN true ELSE :"meta".forget_plans() END;

COMMENT ON VIEW :"meta".shown_recommendation_lists IS 'The lists behind ml.recommendations, to be cut at k.';
COMMENT ON VIEW :"meta".recommendation_lists IS 'The lists behind ml.recommend, at full depth.';

CREATE OR REPLACE VIEW :"ml".recommendations AS
SELECT
    d.customer_id,
    d.placement,
    d.rank,
    d.item_id,
    d.score,
    d.source,
    d.reason_code,
    array_remove(ARRAY[d.reason_item_1, d.reason_item_2], NULL) AS reason_items,
    (
        SELECT CASE
            WHEN d.reason_item_1 IS NULL THEN c.plain
            WHEN c.template LIKE '%{items}%' THEN replace(
                c.template,
                '{items}',
                coalesce(
                    (SELECT i.item_name FROM :"store".items AS i WHERE i.item_id = d.reason_item_1),
                    d.reason_item_1::text
                )
                || coalesce(
                    ' and ' || coalesce(
                        (SELECT i.item_name FROM :"store".items AS i WHERE i.item_id = d.reason_item_2),
                        d.reason_item_2::text
                    ),
                    ''
                )
            )
            ELSE replace(
                c.template,
                '{item}',
                coalesce(
                    (SELECT i.item_name FROM :"store".items AS i WHERE i.item_id = d.reason_item_1),
                    d.reason_item_1::text
                )
            )
        END
        FROM :"meta".reason_templates AS c
        WHERE c.code = d.reason_code
    ) AS reason_text,
    d.data_as_of,
    d.predicted_at,
    d.model_version,
    d.release_id,
    d.is_stale
FROM :"meta".shown_recommendation_lists AS d
WHERE d.rank <= d.k;

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
    AND r.release_id = :"meta".live_release('segment_assignments')
    AND CASE WHEN r.state = 'live' THEN true ELSE :"meta".forget_plans() END;

CREATE OR REPLACE VIEW :"ml".similar_items AS
SELECT
    t.item_id,
    v.rank::integer AS rank,
    t.item_ids[v.place] AS similar_item_id,
    t.scores[v.place] AS score,
    r.data_as_of,
    r.release_id
FROM :"store".similar_items AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
CROSS JOIN LATERAL unnest(
    ARRAY(
        SELECT u.place
        FROM (
            SELECT unnest(t.item_ids) AS item_id, generate_series(1, cardinality(t.item_ids)) AS place
        ) AS u
        WHERE (
            SELECT true
            FROM :"meta".hidden_items AS h
            WHERE h.item_id = u.item_id AND h.placement IS NULL
                AND now() >= h.valid_from AND now() < h.valid_until
            LIMIT 1
        ) IS NULL
        LIMIT r.k
    )
) WITH ORDINALITY AS v (place, rank)
WHERE r.release_id = :"meta".live_release('similar_items')
    AND CASE WHEN r.state = 'live' THEN true ELSE :"meta".forget_plans() END;

CREATE OR REPLACE VIEW :"ml".popular_items AS
SELECT
    t.scope,
    v.rank::integer AS rank,
    t.item_ids[v.place] AS item_id,
    t.scores[v.place] AS score,
    r.data_as_of,
    r.release_id
FROM :"store".popular_items AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
CROSS JOIN LATERAL unnest(
    ARRAY(
        SELECT u.place
        FROM (
            SELECT unnest(t.item_ids) AS item_id, generate_series(1, cardinality(t.item_ids)) AS place
        ) AS u
        WHERE (
            SELECT true
            FROM :"meta".hidden_items AS h
            WHERE h.item_id = u.item_id AND h.placement IS NULL
                AND now() >= h.valid_from AND now() < h.valid_until
            LIMIT 1
        ) IS NULL
        LIMIT r.k
    )
) WITH ORDINALITY AS v (place, rank)
WHERE r.release_id = :"meta".live_release('popular_items')
    AND CASE WHEN r.state = 'live' THEN true ELSE :"meta".forget_plans() END;
