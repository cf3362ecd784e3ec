-- Created in the transaction that fills it, so COPY writes frozen rows. Rows that fit into a page are not compressed:
-- every read would have to take them apart again. The writer may fill it until it is attached.

CREATE OR REPLACE FUNCTION :"meta".create_partition(of_release bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_subject CONSTANT text := :"meta".subject_of(of_release, ARRAY['ready', 'blocked']);
    part CONSTANT text := of_subject || '_' || of_release;
BEGIN
    EXECUTE format(
        'CREATE TABLE :"store".%I (LIKE :"store".%I, CHECK (release_id = %s)) '
        'WITH (fillfactor = 100, toast_tuple_target = 8160)',
        part, of_subject, of_release
    );
    EXECUTE format('ALTER TABLE :"store".%I ALTER release_id SET DEFAULT %s', part, of_release);
    -- Where there is no such role, whoever publishes owns the table.
    IF to_regrole(':"writer"') IS NOT NULL THEN
        EXECUTE format('GRANT SELECT, INSERT ON :"store".%I TO :"writer"', part);
    END IF;
END
$$;

COMMENT ON FUNCTION :"meta".create_partition(bigint) IS 'The empty table for the rows of a new release.';
REVOKE EXECUTE ON FUNCTION :"meta".create_partition(bigint) FROM PUBLIC;
