-- The lists behind the contract, with rules and staleness judged at the moment of reading. Made four times (order.txt):
-- shown_recommendation_lists for ml.recommendations looks no further than k items, recommendation_lists for
-- ml.recommend goes to full depth because k may be asked for, arm_lists is the same for lists made for arms, and
-- ruled_lists are those of recommendation_lists under the rules of each arm that has its own.
--
-- Candidates are looked at one by one, in their order, until there are enough. Each is looked up in a hash index of
-- what is hidden, by a scalar subselect: PostgreSQL may turn a NOT EXISTS into a join that changes the order. There is
-- no WITH and no sort on top, so that a filter or a join on customer_id reaches the index. Which release: live_release.

CREATE OR REPLACE VIEW :"meta".:view AS
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
        WHEN v.place BETWEEN -1000000000 AND 2000000 THEN :predicted_at
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
    r.k:more
FROM :"store".:subject AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id:arms
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
                    :cut
                ) AS places
                OFFSET 0
            ) AS f
            WHERE cardinality(f.places) >= least(r.k, cardinality(t.item_ids)):unless
                AND NOT EXISTS (
                    SELECT FROM :"meta".rules AS x
                    WHERE x.kind IN ('pin', 'boost', 'cap') AND now() >= x.valid_from AND now() < x.valid_until
                )
                AND (
                    coalesce(p.on_stale, 'serve') = 'serve'
                    OR NOT coalesce(now() + (SELECT h.clock_shift FROM :"meta".shop AS h) > r.stale_at, false)
                )
        ),
        :"meta".:arrange(t.customer_id, t.placement, t.item_ids, r.data_as_of, r.k:for_arm)
    )
) WITH ORDINALITY AS v (place, rank)
WHERE NOT EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = t.customer_id)
    AND r.release_id = :"meta".live_release(':subject')
    AND CASE WHEN r.state = 'live' THEN true ELSE :"meta".forget_plans() END;

COMMENT ON VIEW :"meta".:view IS 'The lists behind ml.recommendations (shown) and ml.recommend, after all rules.';
