-- Views run with their owner's rights, so readers need no access to the tables behind them.
--
-- The sentence is that of the function reason_text, written out: a call for every row costs more than the rest.

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

COMMENT ON VIEW :"ml".recommendations IS 'Items recommended to every customer, best first. Filter by customer_id and placement, order by rank.';
COMMENT ON COLUMN :"ml".recommendations.customer_id IS 'Who receives it.';
COMMENT ON COLUMN :"ml".recommendations.placement IS 'for_you (repeats allowed), discover (only new items) or buy_again (only items bought before).';
COMMENT ON COLUMN :"ml".recommendations.rank IS '1 is best; lists have no gaps.';
COMMENT ON COLUMN :"ml".recommendations.item_id IS 'What is recommended.';
COMMENT ON COLUMN :"ml".recommendations.score IS 'Higher is better; comparable within one list only. NULL where a rule put the item there.';
COMMENT ON COLUMN :"ml".recommendations.source IS 'The method that found the item; pinned and popular also where a rule put it there.';
COMMENT ON COLUMN :"ml".recommendations.reason_code IS 'Why, as a word; ml_meta.reason_templates holds the sentences.';
COMMENT ON COLUMN :"ml".recommendations.reason_items IS 'Up to two items the customer bought that explain it.';
COMMENT ON COLUMN :"ml".recommendations.reason_text IS 'Why, as a sentence.';
COMMENT ON COLUMN :"ml".recommendations.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".recommendations.predicted_at IS 'When it was computed and published.';
COMMENT ON COLUMN :"ml".recommendations.model_version IS 'The model that made it; see ml_meta.models.';
COMMENT ON COLUMN :"ml".recommendations.release_id IS 'The release it belongs to; see ml.releases.';
COMMENT ON COLUMN :"ml".recommendations.is_stale IS 'Whether it is older now than the shop allows.';
