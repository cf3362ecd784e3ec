CREATE OR REPLACE VIEW :"meta".relabellings AS
SELECT
    c.valid_from AS day,
    CASE WHEN c.change = 'ended' THEN c.segment_key END AS ended,
    CASE WHEN c.change IN ('born', 'split', 'merged') THEN c.segment_key END AS begun
FROM :"store".segment_catalogue AS c
WHERE c.change IN ('ended', 'born', 'split', 'merged');

COMMENT ON VIEW :"meta".relabellings IS 'Segments that a training ended or began: who leaves the one or comes into the other that day has not moved.';
