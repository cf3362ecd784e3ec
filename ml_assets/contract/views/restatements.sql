CREATE OR REPLACE VIEW :"ml".restatements AS
SELECT r.day, r.rows_before, r.rows_after, r.valid_until AS changed_at, r.rebuilt_at
FROM :"meta".restatements AS r;

COMMENT ON VIEW :"ml".restatements IS 'Days whose events changed after they were first loaded.';
COMMENT ON COLUMN :"ml".restatements.day IS 'The day that was corrected.';
COMMENT ON COLUMN :"ml".restatements.rows_before IS 'Rows as first known.';
COMMENT ON COLUMN :"ml".restatements.rows_after IS 'Rows after the correction.';
COMMENT ON COLUMN :"ml".restatements.changed_at IS 'When the correction was loaded.';
COMMENT ON COLUMN :"ml".restatements.rebuilt_at IS 'When what depends on the day was asked for again.';
