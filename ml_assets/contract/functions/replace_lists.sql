-- Of some customers all lists of a release, by those of rescored_recommendations; theirs so far are kept.

CREATE OR REPLACE FUNCTION :"meta".replace_lists(of_release bigint, customers :customer_id_type[], moment timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lists bigint;
    columns CONSTANT text := 'customer_id, placement, item_ids, scores, sources, reasons, reason_items_1, reason_items_2, '
        'propensities';
BEGIN
    EXECUTE format(
        'WITH gone AS (DELETE FROM :"store".%1$I AS t WHERE t.customer_id = ANY ($1) RETURNING t.*) '
        'INSERT INTO :"store".replaced_recommendations (release_id, %2$s, rescored_at, replaced_at) '
        'SELECT release_id, %2$s, rescored_at, $2 FROM gone',
        'recommendations_' || of_release, columns
    ) USING customers, moment;
    EXECUTE format(
        'INSERT INTO :"store".%1$I (release_id, %2$s, rescored_at) '
        'SELECT %3$s, %2$s, $1 FROM :"store".rescored_recommendations',
        'recommendations_' || of_release, columns, of_release
    ) USING moment;
    GET DIAGNOSTICS lists = ROW_COUNT;
    RETURN lists;
END
$$;

COMMENT ON FUNCTION :"meta".replace_lists(bigint, :customer_id_type[], timestamptz) IS 'The work of show_rescored and undo_rescorings.';
REVOKE EXECUTE ON FUNCTION :"meta".replace_lists(bigint, :customer_id_type[], timestamptz) FROM PUBLIC;
