CREATE OR REPLACE VIEW :"ml".segment_history AS
SELECT
    h.customer_id, h.segment_key, h.valid_from, h.valid_to, k.kind, h.moved_from,
    CASE WHEN k.kind = 'moved' AND h.reason_from = h.moved_from THEN h.reason END AS reason,
    CASE WHEN k.kind = 'moved' AND h.reason_from = h.moved_from THEN h.measures END AS measures
FROM (
    SELECT
        s.customer_id, s.segment_key, s.valid_from, s.reason_from, s.reason, s.measures,
        lead(s.valid_from) OVER one_customer AS valid_to,
        lag(s.segment_key) OVER one_customer AS moved_from
    FROM :"store".segment_history AS s
    WHERE s.valid_from <= (SELECT d.day FROM :"meta".live_segment_day AS d)
    WINDOW one_customer AS (PARTITION BY s.customer_id ORDER BY s.valid_from)
) AS h
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN h.moved_from IS NULL THEN 'joined'
        WHEN EXISTS (
            SELECT FROM :"meta".relabellings AS x
            WHERE x.day = h.valid_from AND (x.ended = h.moved_from OR x.begun = h.segment_key)
        ) THEN 'relabelled'
        ELSE 'moved'
    END AS kind
) AS k
WHERE h.segment_key IS NOT NULL
    AND NOT EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = h.customer_id);

COMMENT ON VIEW :"ml".segment_history IS 'In which segment every customer was, from which day of data to which; ranges of one customer never overlap.';
COMMENT ON COLUMN :"ml".segment_history.customer_id IS 'Who.';
COMMENT ON COLUMN :"ml".segment_history.segment_key IS 'Stable key of the segment.';
COMMENT ON COLUMN :"ml".segment_history.valid_from IS 'First day of data in it.';
COMMENT ON COLUMN :"ml".segment_history.valid_to IS 'First day of data not in it any more; NULL: now in it.';
COMMENT ON COLUMN :"ml".segment_history.kind IS 'joined, moved, or relabelled: a training ended the segment before, or began this one.';
COMMENT ON COLUMN :"ml".segment_history.moved_from IS 'The segment before; NULL where there was none.';
COMMENT ON COLUMN :"ml".segment_history.reason IS 'Of a move, where it is known: the two measures that changed most, as a sentence.';
COMMENT ON COLUMN :"ml".segment_history.measures IS 'The same as an array of objects: measure, unit, before, after.';
