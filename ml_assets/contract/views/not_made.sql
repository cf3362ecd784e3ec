CREATE OR REPLACE VIEW :"ml".not_made AS
SELECT n.subject, n.reason
FROM :"meta".not_made AS n;

COMMENT ON VIEW :"ml".not_made IS 'What this shop does not make, by its settings; views and functions of it are empty.';
COMMENT ON COLUMN :"ml".not_made.subject IS 'A name as in ml.freshness, which has none of these.';
COMMENT ON COLUMN :"ml".not_made.reason IS 'Why.';
