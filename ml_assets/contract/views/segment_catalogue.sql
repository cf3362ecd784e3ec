CREATE OR REPLACE VIEW :"ml".segment_catalogue AS
SELECT c.segment_key, c.segment_name, c.valid_from, c.valid_to, c.change, c.parents, c.ended_into, c.model_version
FROM (
    SELECT
        s.segment_key, s.segment_name, s.valid_from, s.change, s.parents, s.model_version,
        lead(s.valid_from) OVER one_key AS valid_to,
        CASE WHEN lead(s.change) OVER one_key = 'ended' THEN lead(s.parents) OVER one_key END AS ended_into
    FROM :"store".segment_catalogue AS s
    WHERE s.valid_from <= (SELECT d.day FROM :"meta".live_segment_day AS d)
    WINDOW one_key AS (PARTITION BY s.segment_key ORDER BY s.valid_from)
) AS c
WHERE c.change <> 'ended';

COMMENT ON VIEW :"ml".segment_catalogue IS 'Every segment there ever was, a row for each model that made it.';
COMMENT ON COLUMN :"ml".segment_catalogue.segment_key IS 'Stable key of the segment.';
COMMENT ON COLUMN :"ml".segment_catalogue.segment_name IS 'What people called the segment.';
COMMENT ON COLUMN :"ml".segment_catalogue.valid_from IS 'First day of data on which this model made it.';
COMMENT ON COLUMN :"ml".segment_catalogue.valid_to IS 'First day of data on which it ended, or another model made it; NULL: it is in use.';
COMMENT ON COLUMN :"ml".segment_catalogue.change IS 'born, split (from segments that go on), merged (from segments that ended) or kept (it goes on).';
COMMENT ON COLUMN :"ml".segment_catalogue.parents IS 'Segments that gave a quarter or more of its customers.';
COMMENT ON COLUMN :"ml".segment_catalogue.ended_into IS 'Of one that ended: the segments that took its customers.';
COMMENT ON COLUMN :"ml".segment_catalogue.model_version IS 'The model that made it; see ml_meta.models.';
