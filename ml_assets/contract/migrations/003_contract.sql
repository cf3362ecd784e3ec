-- The contract, version 1: views that applications read. They run with their owner's rights, so readers need
-- no access to the tables behind them. None has a WITH, so that a filter or a join on customer_id reaches the index.
--
-- Which release a view shows is decided by MVCC alone, except for one moment: a statement that was planned before a
-- partition was attached does not know it, yet its snapshot, taken later, may already see the pointer on it. For a
-- minute after each move the views therefore take the newest release that their own plan can see. Every later
-- statement was planned with the partition.

CREATE VIEW :"ml".recommendations AS
SELECT
    t.customer_id,
    t.placement,
    u.rank::integer AS rank,
    u.item_id,
    u.score,
    r.source_words[u.source] AS source,
    r.reason_words[u.reason] AS reason_code,
    array_remove(ARRAY[u.reason_1, u.reason_2], NULL) AS reason_items,
    (
        SELECT CASE
            WHEN u.reason_1 IS NULL THEN c.plain
            WHEN c.template LIKE '%{items}%' THEN replace(
                c.template,
                '{items}',
                coalesce((SELECT i.item_name FROM :"store".items AS i WHERE i.item_id = u.reason_1), u.reason_1::text)
                || coalesce(
                    ' and ' || coalesce(
                        (SELECT i.item_name FROM :"store".items AS i WHERE i.item_id = u.reason_2), u.reason_2::text
                    ),
                    ''
                )
            )
            ELSE replace(
                c.template,
                '{item}',
                coalesce((SELECT i.item_name FROM :"store".items AS i WHERE i.item_id = u.reason_1), u.reason_1::text)
            )
        END
        FROM :"meta".reason_templates AS c
        WHERE c.code = r.reason_words[u.reason]
    ) AS reason_text,
    r.data_as_of,
    r.predicted_at,
    r.model_version,
    r.release_id,
    coalesce(
        now() > ((r.data_as_of + 1)::timestamp AT TIME ZONE (SELECT h.timezone FROM :"meta".shop AS h))
            + (
                SELECT y.error_after FROM :"meta".freshness_policies AS y
                WHERE y.subject = 'recommendations' AND y.kind = 'predictions'
            ),
        false
    ) AS is_stale
FROM :"store".recommendations AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
CROSS JOIN LATERAL unnest(
    t.item_ids[:r.k], t.scores[:r.k], t.sources[:r.k], t.reasons[:r.k], t.reason_items_1[:r.k], t.reason_items_2[:r.k]
) WITH ORDINALITY AS u (item_id, score, source, reason, reason_1, reason_2, rank)
WHERE t.release_id = (
    SELECT CASE
        WHEN l.moved_at < now() - interval '1 minute' THEN l.release_id
        ELSE (
            SELECT h.release_id
            FROM :"meta".live_history AS h
            WHERE h.subject = l.subject
                AND (SELECT true FROM :"store".recommendations AS p WHERE p.release_id = h.release_id LIMIT 1)
            ORDER BY h.live_from DESC
            LIMIT 1
        )
    END
    FROM :"meta".live AS l
    WHERE l.subject = 'recommendations'
);

CREATE VIEW :"ml".segment_assignments AS
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
WHERE t.release_id = (
    SELECT CASE
        WHEN l.moved_at < now() - interval '1 minute' THEN l.release_id
        ELSE (
            SELECT h.release_id
            FROM :"meta".live_history AS h
            WHERE h.subject = l.subject
                AND (SELECT true FROM :"store".segment_assignments AS p WHERE p.release_id = h.release_id LIMIT 1)
            ORDER BY h.live_from DESC
            LIMIT 1
        )
    END
    FROM :"meta".live AS l
    WHERE l.subject = 'segment_assignments'
);

CREATE VIEW :"ml".segments AS
SELECT
    g.segment_key,
    g.segment_name,
    g.description,
    g.customers,
    g.share,
    g.median_recency_days,
    g.median_orders_90d,
    g.median_spend_90d,
    g.median_spend_365d,
    g.median_tenure_days,
    r.data_as_of
FROM :"store".segments AS g
JOIN :"meta".releases AS r ON r.release_id = g.release_id
WHERE g.release_id = (SELECT l.release_id FROM :"meta".live AS l WHERE l.subject = 'segment_assignments');

CREATE VIEW :"ml".similar_items AS
SELECT t.item_id, u.rank::integer AS rank, u.similar_item_id, u.score, r.data_as_of, r.release_id
FROM :"store".similar_items AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
CROSS JOIN LATERAL unnest(t.item_ids[:r.k], t.scores[:r.k]) WITH ORDINALITY AS u (similar_item_id, score, rank)
WHERE t.release_id = (
    SELECT CASE
        WHEN l.moved_at < now() - interval '1 minute' THEN l.release_id
        ELSE (
            SELECT h.release_id
            FROM :"meta".live_history AS h
            WHERE h.subject = l.subject
                AND (SELECT true FROM :"store".similar_items AS p WHERE p.release_id = h.release_id LIMIT 1)
            ORDER BY h.live_from DESC
            LIMIT 1
        )
    END
    FROM :"meta".live AS l
    WHERE l.subject = 'similar_items'
);

CREATE VIEW :"ml".popular_items AS
SELECT t.scope, u.rank::integer AS rank, u.item_id, u.score, r.data_as_of, r.release_id
FROM :"store".popular_items AS t
JOIN :"meta".releases AS r ON r.release_id = t.release_id
CROSS JOIN LATERAL unnest(t.item_ids[:r.k], t.scores[:r.k]) WITH ORDINALITY AS u (item_id, score, rank)
WHERE t.release_id = (
    SELECT CASE
        WHEN l.moved_at < now() - interval '1 minute' THEN l.release_id
        ELSE (
            SELECT h.release_id
            FROM :"meta".live_history AS h
            WHERE h.subject = l.subject
                AND (SELECT true FROM :"store".popular_items AS p WHERE p.release_id = h.release_id LIMIT 1)
            ORDER BY h.live_from DESC
            LIMIT 1
        )
    END
    FROM :"meta".live AS l
    WHERE l.subject = 'popular_items'
);

CREATE VIEW :"ml".freshness AS
SELECT
    f.subject,
    f.kind,
    f.data_as_of,
    f.updated_at,
    f.age,
    f.warn_after,
    f.error_after,
    CASE
        WHEN f.data_as_of IS NULL THEN 'missing'
        WHEN f.age > f.error_after THEN 'stale'
        WHEN f.age > f.warn_after THEN 'warn'
        ELSE 'fresh'
    END AS status
FROM (
    SELECT
        y.subject,
        y.kind,
        seen.data_as_of,
        seen.updated_at,
        now() - ((seen.data_as_of + 1)::timestamp AT TIME ZONE h.timezone) AS age,
        y.warn_after,
        y.error_after
    FROM :"meta".freshness_policies AS y
    CROSS JOIN :"meta".shop AS h
    LEFT JOIN (
        SELECT o.subject, o.kind, o.data_as_of, o.updated_at
        FROM :"meta".observations AS o
        UNION ALL
        SELECT r.subject, 'predictions', r.data_as_of, l.moved_at
        FROM :"meta".live AS l
        JOIN :"meta".releases AS r USING (release_id)
        UNION ALL
        SELECT m.kind || '_model', 'model', max(m.trained_through), max(m.registered_at)
        FROM :"meta".models AS m
        WHERE m.decision = 'promoted'
        GROUP BY m.kind
    ) AS seen ON seen.subject = y.subject AND seen.kind = y.kind
) AS f;

CREATE VIEW :"ml".releases AS
SELECT
    r.release_id,
    r.subject,
    r.data_as_of,
    r.model_version,
    r.row_count AS "rows",
    r.checksum,
    r.run_id,
    r.published_at,
    r.state,
    r.reason
FROM :"meta".releases AS r;

CREATE VIEW :"ml".contract_version AS
SELECT 1 AS version;

COMMENT ON VIEW :"ml".recommendations IS 'Items recommended to every customer, best first. Filter by customer_id and placement, order by rank.';
COMMENT ON COLUMN :"ml".recommendations.customer_id IS 'Who receives it.';
COMMENT ON COLUMN :"ml".recommendations.placement IS 'for_you (repeats allowed), discover (only new items) or buy_again (only items bought before).';
COMMENT ON COLUMN :"ml".recommendations.rank IS '1 is best; lists have no gaps.';
COMMENT ON COLUMN :"ml".recommendations.item_id IS 'What is recommended.';
COMMENT ON COLUMN :"ml".recommendations.score IS 'Higher is better; comparable within one list only.';
COMMENT ON COLUMN :"ml".recommendations.source IS 'The method that found the item.';
COMMENT ON COLUMN :"ml".recommendations.reason_code IS 'Why, as a word; ml_meta.reason_templates holds the sentences.';
COMMENT ON COLUMN :"ml".recommendations.reason_items IS 'Up to two items the customer bought that explain it.';
COMMENT ON COLUMN :"ml".recommendations.reason_text IS 'Why, as a sentence.';
COMMENT ON COLUMN :"ml".recommendations.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".recommendations.predicted_at IS 'When it was computed and published.';
COMMENT ON COLUMN :"ml".recommendations.model_version IS 'The model that made it; see ml_meta.models.';
COMMENT ON COLUMN :"ml".recommendations.release_id IS 'The release it belongs to; see ml.releases.';
COMMENT ON COLUMN :"ml".recommendations.is_stale IS 'Whether it is older now than the shop allows.';

COMMENT ON VIEW :"ml".segment_assignments IS 'The segment of every customer.';
COMMENT ON COLUMN :"ml".segment_assignments.customer_id IS 'Who.';
COMMENT ON COLUMN :"ml".segment_assignments.segment_key IS 'Stable key of the segment.';
COMMENT ON COLUMN :"ml".segment_assignments.segment_name IS 'What people call the segment.';
COMMENT ON COLUMN :"ml".segment_assignments.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".segment_assignments.predicted_at IS 'When it was computed and published.';
COMMENT ON COLUMN :"ml".segment_assignments.model_version IS 'The model that made it; see ml_meta.models.';
COMMENT ON COLUMN :"ml".segment_assignments.release_id IS 'The release it belongs to; see ml.releases.';
COMMENT ON COLUMN :"ml".segment_assignments.is_stale IS 'Whether it is older now than the shop allows.';

COMMENT ON VIEW :"ml".segments IS 'The segments and their profiles.';
COMMENT ON COLUMN :"ml".segments.segment_key IS 'Stable key of the segment.';
COMMENT ON COLUMN :"ml".segments.segment_name IS 'What people call the segment.';
COMMENT ON COLUMN :"ml".segments.description IS 'One sentence with the figures of its profile.';
COMMENT ON COLUMN :"ml".segments.customers IS 'Customers in it.';
COMMENT ON COLUMN :"ml".segments.share IS 'Its share of all customers, 0 to 1.';
COMMENT ON COLUMN :"ml".segments.median_recency_days IS 'Median days since the last order.';
COMMENT ON COLUMN :"ml".segments.median_orders_90d IS 'Median orders in 90 days.';
COMMENT ON COLUMN :"ml".segments.median_spend_90d IS 'Median spend in 90 days.';
COMMENT ON COLUMN :"ml".segments.median_spend_365d IS 'Median spend in 365 days.';
COMMENT ON COLUMN :"ml".segments.median_tenure_days IS 'Median days since the first order.';
COMMENT ON COLUMN :"ml".segments.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';

COMMENT ON VIEW :"ml".similar_items IS 'For every item, the items most like it.';
COMMENT ON COLUMN :"ml".similar_items.item_id IS 'The item looked at.';
COMMENT ON COLUMN :"ml".similar_items.rank IS '1 is best; lists have no gaps.';
COMMENT ON COLUMN :"ml".similar_items.similar_item_id IS 'An item like it.';
COMMENT ON COLUMN :"ml".similar_items.score IS 'Higher is better; comparable within one list only.';
COMMENT ON COLUMN :"ml".similar_items.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".similar_items.release_id IS 'The release it belongs to; see ml.releases.';

COMMENT ON VIEW :"ml".popular_items IS 'What sells best, for everybody and by category; also the list for unknown customers.';
COMMENT ON COLUMN :"ml".popular_items.scope IS 'all, or a category.';
COMMENT ON COLUMN :"ml".popular_items.rank IS '1 is best; lists have no gaps.';
COMMENT ON COLUMN :"ml".popular_items.item_id IS 'What sells.';
COMMENT ON COLUMN :"ml".popular_items.score IS 'Higher is better; comparable within one list only.';
COMMENT ON COLUMN :"ml".popular_items.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".popular_items.release_id IS 'The release it belongs to; see ml.releases.';

COMMENT ON VIEW :"ml".freshness IS 'How old everything is, judged from the data itself.';
COMMENT ON COLUMN :"ml".freshness.subject IS 'What is judged.';
COMMENT ON COLUMN :"ml".freshness.kind IS 'data, features, model or predictions.';
COMMENT ON COLUMN :"ml".freshness.data_as_of IS 'Last day contained; of a model, the last day it was trained on.';
COMMENT ON COLUMN :"ml".freshness.updated_at IS 'When that was last confirmed.';
COMMENT ON COLUMN :"ml".freshness.age IS 'Time since the end of that day in the shop''s time zone.';
COMMENT ON COLUMN :"ml".freshness.warn_after IS 'Age at which it is late.';
COMMENT ON COLUMN :"ml".freshness.error_after IS 'Age at which it is stale.';
COMMENT ON COLUMN :"ml".freshness.status IS 'fresh, warn, stale or missing.';

COMMENT ON VIEW :"ml".releases IS 'Every published version, also blocked and retired ones.';
COMMENT ON COLUMN :"ml".releases.release_id IS 'Counts up; later is higher.';
COMMENT ON COLUMN :"ml".releases.subject IS 'What is released: recommendations, segment_assignments, similar_items, popular_items.';
COMMENT ON COLUMN :"ml".releases.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".releases.model_version IS 'The model that made it; see ml_meta.models.';
COMMENT ON COLUMN :"ml".releases."rows" IS 'Rows stored.';
COMMENT ON COLUMN :"ml".releases.checksum IS 'SHA-256 of the rows as they were loaded.';
COMMENT ON COLUMN :"ml".releases.run_id IS 'The Dagster run that published it.';
COMMENT ON COLUMN :"ml".releases.published_at IS 'When.';
COMMENT ON COLUMN :"ml".releases.state IS 'live (shown), ready (whole, not shown), blocked (a gate refused it) or retired (replaced or too old).';
COMMENT ON COLUMN :"ml".releases.reason IS 'Why it was blocked.';

COMMENT ON VIEW :"ml".contract_version IS 'One row: the version of this contract.';
COMMENT ON COLUMN :"ml".contract_version.version IS 'Changes only when a reader would have to.';
