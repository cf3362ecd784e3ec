CREATE OR REPLACE FUNCTION :"meta".drop_release(of_release bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        'DROP TABLE IF EXISTS :"store".%I', :"meta".subject_of(of_release, ARRAY['retired']) || '_' || of_release
    );
    DELETE FROM :"store".segments AS s WHERE s.release_id = of_release;
    DELETE FROM :"store".replaced_recommendations AS t WHERE t.release_id = of_release;
    DELETE FROM :"store".rescored_customers AS c WHERE c.release_id = of_release;
    DELETE FROM :"meta".rescorings AS r WHERE r.release_id = of_release;
    UPDATE :"meta".releases AS r SET dropped_at = now() WHERE r.release_id = of_release;
END
$$;

COMMENT ON FUNCTION :"meta".drop_release(bigint) IS 'Drop the rows of a retired release; what is known of the release stays.';
REVOKE EXECUTE ON FUNCTION :"meta".drop_release(bigint) FROM PUBLIC;
