-- Like create_partition, for lists that take the place of others. The table is gone at the end of the transaction, by
-- show_rescored or by a rollback: nobody else ever sees it.

CREATE OR REPLACE FUNCTION :"meta".begin_rescoring(of_release bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF :"meta".subject_of(of_release, ARRAY['live']) <> 'recommendations' THEN
        RAISE object_not_in_prerequisite_state USING MESSAGE = format('release %s is none of recommendations', of_release);
    END IF;
    CREATE TABLE :"store".rescored_recommendations (LIKE :"store".recommendations);
    EXECUTE format('ALTER TABLE :"store".rescored_recommendations ALTER release_id SET DEFAULT %s', of_release);
    IF to_regrole(':"writer"') IS NOT NULL THEN
        GRANT SELECT, INSERT ON :"store".rescored_recommendations TO :"writer";
    END IF;
END
$$;

COMMENT ON FUNCTION :"meta".begin_rescoring(bigint) IS 'The empty table for lists that are made anew for the live release.';
REVOKE EXECUTE ON FUNCTION :"meta".begin_rescoring(bigint) FROM PUBLIC;
