-- The views of the contract, with rules and staleness judged at the moment of reading.
--
-- Each leaves out what is hidden by comparing with a small array of it: an array subquery that asks two indexes,
-- once for each list, instead of a join of every item. None has a WITH or a sort on top, so that a filter or a join
-- on customer_id reaches the index.
--
-- Which release a view shows is decided by MVCC alone, except for one moment: a statement that was planned before a
-- partition was attached does not know it, yet its snapshot, taken later, may already see the pointer on it. For a
-- minute after each move, by a clock that may have jumped, the views therefore take the newest release that their own
-- plan can see. Every later statement was planned with the partition.

CREATE VIEW :"meta".recommendation_lists AS
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
        WHEN v.place BETWEEN -1000000000 AND 2000000 THEN coalesce(
            now() > ((r.data_as_of + 1)::timestamp AT TIME ZONE (SELECT h.timezone FROM :"meta".shop AS h))
                + (
                    SELECT y.error_after FROM :"meta".freshness_policies AS y
                    WHERE y.subject = 'recommendations' AND y.kind = 'predictions'
                ),
            false
        )
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
                    OR NOT coalesce(
                        now() > ((r.data_as_of + 1)::timestamp AT TIME ZONE (SELECT h.timezone FROM :"meta".shop AS h))
                            + (
                                SELECT y.error_after FROM :"meta".freshness_policies AS y
                                WHERE y.subject = 'recommendations' AND y.kind = 'predictions'
                            ),
                        false
                    )
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
COMMENT ON VIEW :"meta".recommendation_lists IS 'ml.recommendations at full depth, before it is cut at k.';

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
FROM :"meta".recommendation_lists AS d
WHERE d.rank <= d.k;
COMMENT ON COLUMN :"ml".recommendations.score IS 'Higher is better; comparable within one list only. NULL where a rule put the item there.';
COMMENT ON COLUMN :"ml".recommendations.source IS 'The method that found the item; pinned and popular also where a rule put it there.';

CREATE OR REPLACE VIEW :"ml".segment_assignments AS
SELECT
    t.customer_id,
    t.segment_key,
    g.segment_name,
    r.data_as_of,
    r.predicted_at,
    r.model_version,
    r.release_id,
    coalesce(
        now() > ((r.data_as_of + 1)::timestamp AT TIME ZONE (SELECT h.timezone FROM :"meta".shop AS h))
            + (
                SELECT y.error_after FROM :"meta".freshness_policies AS y
                WHERE y.subject = 'segment_assignments' AND y.kind = 'predictions'
            ),
        false
    ) AS is_stale
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
        SELECT u.place::integer
        FROM unnest(t.item_ids) WITH ORDINALITY AS u (item_id, place)
        WHERE u.item_id <> ALL (
            ARRAY(
                SELECT h.item_id
                FROM :"meta".hidden_items AS h
                WHERE h.item_id = ANY (t.item_ids) AND h.placement IS NULL
                    AND now() >= h.valid_from AND now() < h.valid_until
            )
        )
        LIMIT r.k
    )
) WITH ORDINALITY AS v (place, rank)
WHERE t.release_id = (
    SELECT CASE
        WHEN l.moved_at < now() - interval '1 minute' THEN l.release_id
        ELSE (
            SELECT h.release_id
            FROM :"meta".live_history AS h
            WHERE h.subject = l.subject
                AND (SELECT true FROM :"store".similar_items AS p WHERE p.release_id = h.release_id LIMIT 1)
            ORDER BY h.move_id DESC
            LIMIT 1
        )
    END
    FROM :"meta".live AS l
    WHERE l.subject = 'similar_items'
);

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
        SELECT u.place::integer
        FROM unnest(t.item_ids) WITH ORDINALITY AS u (item_id, place)
        WHERE u.item_id <> ALL (
            ARRAY(
                SELECT h.item_id
                FROM :"meta".hidden_items AS h
                WHERE h.item_id = ANY (t.item_ids) AND h.placement IS NULL
                    AND now() >= h.valid_from AND now() < h.valid_until
            )
        )
        LIMIT r.k
    )
) WITH ORDINALITY AS v (place, rank)
WHERE t.release_id = (
    SELECT CASE
        WHEN l.moved_at < now() - interval '1 minute' THEN l.release_id
        ELSE (
            SELECT h.release_id
            FROM :"meta".live_history AS h
            WHERE h.subject = l.subject
                AND (SELECT true FROM :"store".popular_items AS p WHERE p.release_id = h.release_id LIMIT 1)
            ORDER BY h.move_id DESC
            LIMIT 1
        )
    END
    FROM :"meta".live AS l
    WHERE l.subject = 'popular_items'
);

-- What was live before, as it was published. A row is here as long as retention keeps its release.
CREATE VIEW :"ml".past_recommendations AS
SELECT
    t.release_id,
    t.customer_id,
    t.placement,
    v.rank::integer AS rank,
    t.item_ids[v.rank] AS item_id,
    t.scores[v.rank] AS score,
    r.source_words[t.sources[v.rank]] AS source,
    r.reason_words[t.reasons[v.rank]] AS reason_code,
    array_remove(ARRAY[t.reason_items_1[v.rank], t.reason_items_2[v.rank]], NULL) AS reason_items,
    r.data_as_of,
    r.predicted_at,
    r.model_version
FROM :"store".recommendations AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
CROSS JOIN LATERAL generate_series(1, least(r.k, cardinality(t.item_ids))) AS v (rank)
WHERE EXISTS (
        SELECT FROM :"meta".live_history AS h WHERE h.subject = 'recommendations' AND h.release_id = t.release_id
    )
    AND NOT EXISTS (SELECT FROM :"meta".opt_outs AS o WHERE o.customer_id = t.customer_id);
COMMENT ON VIEW :"ml".past_recommendations IS 'Every kept release that was ever live, as published, without rules; see recommendations_as_of.';
COMMENT ON COLUMN :"ml".past_recommendations.release_id IS 'The release it belongs to; see ml.releases.';
COMMENT ON COLUMN :"ml".past_recommendations.customer_id IS 'Who received it.';
COMMENT ON COLUMN :"ml".past_recommendations.placement IS 'The list.';
COMMENT ON COLUMN :"ml".past_recommendations.rank IS '1 is best.';
COMMENT ON COLUMN :"ml".past_recommendations.item_id IS 'What was recommended.';
COMMENT ON COLUMN :"ml".past_recommendations.score IS 'Higher is better; comparable within one list only.';
COMMENT ON COLUMN :"ml".past_recommendations.source IS 'The method that found the item.';
COMMENT ON COLUMN :"ml".past_recommendations.reason_code IS 'Why, as a word.';
COMMENT ON COLUMN :"ml".past_recommendations.reason_items IS 'Up to two items the customer bought that explain it.';
COMMENT ON COLUMN :"ml".past_recommendations.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".past_recommendations.predicted_at IS 'When it was computed and published.';
COMMENT ON COLUMN :"ml".past_recommendations.model_version IS 'The model that made it; see ml_meta.models.';

CREATE VIEW :"ml".past_segment_assignments AS
SELECT t.release_id, t.customer_id, t.segment_key, g.segment_name, r.data_as_of, r.predicted_at, r.model_version
FROM :"store".segment_assignments AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
LEFT JOIN :"store".segments AS g ON g.release_id = t.release_id AND g.segment_key = t.segment_key
WHERE EXISTS (
        SELECT FROM :"meta".live_history AS h WHERE h.subject = 'segment_assignments' AND h.release_id = t.release_id
    )
    AND NOT EXISTS (SELECT FROM :"meta".opt_outs AS o WHERE o.customer_id = t.customer_id);
COMMENT ON VIEW :"ml".past_segment_assignments IS 'Every kept release that was ever live; see segment_assignments_as_of.';
COMMENT ON COLUMN :"ml".past_segment_assignments.release_id IS 'The release it belongs to; see ml.releases.';
COMMENT ON COLUMN :"ml".past_segment_assignments.customer_id IS 'Who.';
COMMENT ON COLUMN :"ml".past_segment_assignments.segment_key IS 'Stable key of the segment.';
COMMENT ON COLUMN :"ml".past_segment_assignments.segment_name IS 'What people called the segment.';
COMMENT ON COLUMN :"ml".past_segment_assignments.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".past_segment_assignments.predicted_at IS 'When it was computed and published.';
COMMENT ON COLUMN :"ml".past_segment_assignments.model_version IS 'The model that made it; see ml_meta.models.';
