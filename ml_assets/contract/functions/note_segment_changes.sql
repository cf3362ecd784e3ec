-- What the training says became of the segments, held against those that the day before had: it may have continued a
-- model that never went live. A segment that goes on has its key in both; a key that ended and was given again at once
-- is another segment.

CREATE OR REPLACE FUNCTION :"meta".note_segment_changes(of_day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    today :"store".segment_days;
    before :"store".segment_days;
    lineage jsonb;
BEGIN
    DELETE FROM :"store".segment_catalogue AS c WHERE c.valid_from = of_day;
    SELECT * INTO today FROM :"store".segment_days AS d WHERE d.day = of_day;
    SELECT * INTO before FROM :"store".segment_days AS d WHERE d.day < of_day ORDER BY d.day DESC LIMIT 1;
    IF (before.model_version, before.keys) IS NOT DISTINCT FROM (today.model_version, today.keys) THEN
        RETURN;
    END IF;
    SELECT m.card #> '{parameters,segments}' INTO lineage
    FROM :"meta".models AS m
    WHERE m.kind = 'segmentation' AND m.version = today.model_version
    ORDER BY m.model_id DESC
    LIMIT 1;

    INSERT INTO :"store".segment_catalogue (segment_key, valid_from, segment_name, change, parents, model_version)
    SELECT k.segment_key, of_day, k.segment_name, c.change,
        CASE WHEN c.change = 'born' THEN '{}' ELSE ARRAY(
            SELECT p.parent
            FROM jsonb_array_elements_text(lineage #> ARRAY[k.segment_key, 'parents'])
                WITH ORDINALITY AS p (parent, place)
            WHERE p.parent = ANY (before.keys)
            ORDER BY p.place
        ) END,
        today.model_version
    FROM unnest(today.keys, today.names) AS k (segment_key, segment_name)
    CROSS JOIN LATERAL (SELECT lineage #>> ARRAY[k.segment_key, 'change'] AS said) AS s
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN before.day IS NULL THEN 'born'
            WHEN s.said IN ('born', 'split', 'merged') THEN s.said
            WHEN k.segment_key = ANY (before.keys) AND s.said IS DISTINCT FROM 'ended' THEN 'kept'
            ELSE 'born'
        END AS change
    ) AS c;

    INSERT INTO :"store".segment_catalogue (segment_key, valid_from, segment_name, change, parents, model_version)
    SELECT k.segment_key, of_day, k.segment_name, 'ended',
        ARRAY(
            SELECT p.parent
            FROM jsonb_array_elements_text(lineage #> ARRAY[k.segment_key, 'parents'])
                WITH ORDINALITY AS p (parent, place)
            WHERE p.parent = ANY (today.keys)
            ORDER BY p.place
        ),
        today.model_version
    FROM unnest(before.keys, before.names) AS k (segment_key, segment_name)
    WHERE k.segment_key <> ALL (today.keys);
END
$$;

COMMENT ON FUNCTION :"meta".note_segment_changes(date) IS 'Note anew what became of the segments on a day, where another model made them.';
REVOKE EXECUTE ON FUNCTION :"meta".note_segment_changes(date) FROM PUBLIC;
