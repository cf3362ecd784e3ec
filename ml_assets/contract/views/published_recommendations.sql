-- What a list is judged by: as it was published with its release. A list that was made anew on the day already knows of
-- the orders of that day, and would be right about them without having foretold anything.

CREATE OR REPLACE VIEW :"meta".published_recommendations AS
SELECT
    t.release_id,
    t.customer_id,
    t.placement,
    t.item_ids,
    t.scores,
    t.sources,
    t.reasons,
    t.reason_items_1,
    t.reason_items_2,
    t.propensities
FROM :"store".recommendations AS t
WHERE t.rescored_at IS NULL
UNION ALL
SELECT
    t.release_id,
    t.customer_id,
    t.placement,
    t.item_ids,
    t.scores,
    t.sources,
    t.reasons,
    t.reason_items_1,
    t.reason_items_2,
    t.propensities
FROM :"store".replaced_recommendations AS t
WHERE t.rescored_at IS NULL;

COMMENT ON VIEW :"meta".published_recommendations IS 'The lists of every kept release as they were published with it.';
