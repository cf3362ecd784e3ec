-- Indexed after loading, which is faster; attached with a CHECK that already proves the partition's bound, so that
-- nothing is scanned and readers are not blocked. From here on its rows are history: nobody may add to them.

CREATE OR REPLACE FUNCTION :"meta".attach_partition(
    of_release bigint, keys text[], is_unique boolean, of_checksum text
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_subject CONSTANT text := :"meta".subject_of(of_release, ARRAY['ready', 'blocked']);
    part CONSTANT text := of_subject || '_' || of_release;
BEGIN
    EXECUTE format(
        'CREATE %s INDEX ON :"store".%I (%s)',
        CASE WHEN is_unique THEN 'UNIQUE' ELSE '' END, part,
        (SELECT string_agg(quote_ident(k.key), ', ' ORDER BY k.place) FROM unnest(keys) WITH ORDINALITY AS k (key, place))
    );
    EXECUTE format(
        'ALTER TABLE :"store".%I ATTACH PARTITION :"store".%I FOR VALUES IN (%s)', of_subject, part, of_release
    );
    IF to_regrole(':"writer"') IS NOT NULL THEN
        EXECUTE format('REVOKE INSERT ON :"store".%I FROM :"writer"', part);
    END IF;
    UPDATE :"meta".releases AS r SET checksum = of_checksum WHERE r.release_id = of_release;
END
$$;

COMMENT ON FUNCTION :"meta".attach_partition(bigint, text[], boolean, text) IS 'Make the filled table a partition, with its index and the checksum of its rows.';
REVOKE EXECUTE ON FUNCTION :"meta".attach_partition(bigint, text[], boolean, text) FROM PUBLIC;
