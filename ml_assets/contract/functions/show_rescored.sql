-- Readers see the lists before or those after, of all customers at once: it is one transaction. What was loaded into
-- rescored_recommendations must be of these customers. Words are only ever added: numbers of kept lists stay true.

CREATE OR REPLACE FUNCTION :"meta".show_rescored(
    of_release bigint, customers :customer_id_type[], knows :customer_id_type[], known bigint[], forgets :customer_id_type[],
    of_sources text[], of_reasons text[], note jsonb
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment CONSTANT timestamptz := :"meta".moment_of_rescoring(of_release);
    lists bigint;
    number bigint;
BEGIN
    PERFORM :"meta".subject_of(of_release, ARRAY['live']);
    IF EXISTS (SELECT FROM :"meta".live AS l WHERE l.release_id = of_release AND l.pinned_at IS NOT NULL) THEN
        RAISE object_not_in_prerequisite_state USING MESSAGE = format('release %s is pinned', of_release);
    END IF;
    IF EXISTS (
        SELECT FROM :"store".rescored_recommendations AS t
        WHERE t.release_id <> of_release OR NOT EXISTS (SELECT FROM unnest(customers) AS c WHERE c = t.customer_id)
    ) THEN
        RAISE integrity_constraint_violation USING MESSAGE = 'lists of other customers are among those made anew';
    END IF;
    UPDATE :"meta".releases AS r SET source_words = of_sources, reason_words = of_reasons
    WHERE r.release_id = of_release AND r.source_words = of_sources[:cardinality(r.source_words)]
        AND r.reason_words = of_reasons[:cardinality(r.reason_words)];
    IF NOT FOUND THEN
        RAISE integrity_constraint_violation USING MESSAGE = 'words of the release are missing or have moved';
    END IF;
    lists := :"meta".replace_lists(of_release, customers, moment);
    DROP TABLE :"store".rescored_recommendations;
    DELETE FROM :"store".rescored_customers AS c WHERE c.release_id = of_release AND c.customer_id = ANY (forgets);
    INSERT INTO :"store".rescored_customers AS c (release_id, customer_id, known)
    SELECT of_release, k.customer_id, k.known FROM unnest(knows, known) AS k (customer_id, known)
    ON CONFLICT (release_id, customer_id) DO UPDATE SET known = excluded.known;
    INSERT INTO :"meta".rescorings (
        release_id, state, began_at, rescored_at, events_from, events_until, events, customers, lists, model_version,
        run_id, facts
    )
    SELECT of_release, 'shown', n.began_at, moment, n.events_from, n.events_until, n.events, cardinality(customers),
        lists, n.model_version, n.run_id, n.facts
    FROM jsonb_to_record(note) AS n (
        began_at timestamptz, events_from date, events_until timestamptz, events bigint, model_version text,
        run_id text, facts jsonb
    )
    RETURNING rescoring_id INTO number;
    RETURN number;
END
$$;

COMMENT ON FUNCTION :"meta".show_rescored(
    bigint, :customer_id_type[], :customer_id_type[], bigint[], :customer_id_type[], text[], text[], jsonb
) IS 'Let lists that were made anew take the place of those of the live release.';
REVOKE EXECUTE ON FUNCTION :"meta".show_rescored(
    bigint, :customer_id_type[], :customer_id_type[], bigint[], :customer_id_type[], text[], text[], jsonb
) FROM PUBLIC;
