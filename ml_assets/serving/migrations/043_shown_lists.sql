-- Lists that are cut at k look at twice as many candidates, of which enough are left but for rare customers; theirs are
-- arranged from all.
--
-- But for the three places with r.k the view is recommendation_lists, which ml.recommend reads because it may show
-- more than k. Names and columns of what is read are the same, so that grants, dependants and prepared statements stay.

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
                    SELECT u.place::integer
                    FROM unnest(t.item_ids[:2 * r.k]) WITH ORDINALITY AS u (item_id, place)
                    WHERE u.item_id <> ALL (
                        ARRAY(
                            SELECT h.item_id
                            FROM :"meta".hidden_items AS h
                            WHERE h.item_id = ANY (t.item_ids[:2 * r.k])
                                AND (h.placement IS NULL OR h.placement = t.placement)
                                AND now() >= h.valid_from AND now() < h.valid_until
                            UNION ALL
                            SELECT b.item_id
                            FROM :"meta".recent_purchases AS b
                            WHERE b.customer_id = t.customer_id
                                AND (p.repeat_after IS NULL OR b.bought_at > now() - p.repeat_after)
                        )
                    )
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
