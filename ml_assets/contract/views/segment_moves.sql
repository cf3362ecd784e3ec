CREATE OR REPLACE VIEW :"ml".segment_moves AS
SELECT
    m.day, m.from_segment, m.to_segment, m.customers,
    CASE
        WHEN m.from_segment IS NULL THEN 'joined'
        WHEN m.to_segment IS NULL THEN 'left'
        WHEN EXISTS (
            SELECT FROM :"meta".relabellings AS x
            WHERE x.day = m.day AND (x.ended = m.from_segment OR x.begun = m.to_segment)
        ) THEN 'relabelled'
        WHEN m.from_segment = m.to_segment THEN 'stayed'
        ELSE 'moved'
    END AS kind
FROM :"store".segment_moves AS m
WHERE m.day <= (SELECT d.day FROM :"meta".live_segment_day AS d);

COMMENT ON VIEW :"ml".segment_moves IS 'How many customers went from which segment to which, by day of data; all but those who left are the customers of the day.';
COMMENT ON COLUMN :"ml".segment_moves.day IS 'Day of data; compared with the day before that has segments.';
COMMENT ON COLUMN :"ml".segment_moves.from_segment IS 'Key of the segment on the day before; NULL: in none.';
COMMENT ON COLUMN :"ml".segment_moves.to_segment IS 'Key of the segment on the day; NULL: in none.';
COMMENT ON COLUMN :"ml".segment_moves.customers IS 'How many, opted out or erased since included.';
COMMENT ON COLUMN :"ml".segment_moves.kind IS 'stayed, moved, joined, left, or relabelled: a training ended the one or began the other.';
