CREATE OR REPLACE VIEW :"meta".live_segment_day AS
SELECT r.data_as_of AS day
FROM :"meta".live AS l
JOIN :"meta".releases AS r ON r.release_id = l.release_id
WHERE l.subject = 'segment_assignments';

COMMENT ON VIEW :"meta".live_segment_day IS 'The day of data of the segments that readers see, with which their history ends.';
