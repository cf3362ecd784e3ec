-- The lists as they were published are shown again, from now on: what was shown meanwhile stays in the past.

CREATE OR REPLACE FUNCTION :"meta".undo_rescorings(of_release bigint, why text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment CONSTANT timestamptz := :"meta".moment_of_rescoring(of_release);
    changed :customer_id_type[];
BEGIN
    PERFORM :"meta".begin_rescoring(of_release);
    -- An erasure may be under way: what is left of a person is not moved to where it has been already.
    changed := ARRAY(
        SELECT c.customer_id FROM (
            SELECT t.customer_id FROM :"store".recommendations AS t
            WHERE t.release_id = of_release AND t.rescored_at IS NOT NULL
            UNION
            SELECT t.customer_id FROM :"store".replaced_recommendations AS t WHERE t.release_id = of_release
        ) AS c
        WHERE NOT :"meta".is_erased(c.customer_id::text)
    );
    INSERT INTO :"store".rescored_recommendations (
        customer_id, placement, item_ids, scores, sources, reasons, reason_items_1, reason_items_2, propensities
    )
    SELECT t.customer_id, t.placement, t.item_ids, t.scores, t.sources, t.reasons, t.reason_items_1, t.reason_items_2,
        t.propensities
    FROM :"meta".published_recommendations AS t
    WHERE t.release_id = of_release AND t.customer_id = ANY (changed);
    PERFORM :"meta".replace_lists(of_release, changed, moment);
    DROP TABLE :"store".rescored_recommendations;
    DELETE FROM :"store".rescored_customers AS c WHERE c.release_id = of_release;
    UPDATE :"meta".rescorings AS r SET state = 'undone', reason = why
    WHERE r.release_id = of_release AND r.state = 'shown';
    RETURN cardinality(changed);
END
$$;

COMMENT ON FUNCTION :"meta".undo_rescorings(bigint, text) IS 'Show the lists of the live release again as they were published with it.';
REVOKE EXECUTE ON FUNCTION :"meta".undo_rescorings(bigint, text) FROM PUBLIC;
