CREATE OR REPLACE VIEW :"ml".restatements AS
SELECT r.day, r.rows_before, r.rows_after, r.valid_until AS changed_at, r.rebuilt_at
FROM :"meta".restatements AS r;

COMMENT ON VIEW :"ml".restatements IS 'Days whose events changed after they were first loaded, or came after features had been built without them.';
COMMENT ON COLUMN :"ml".restatements.day IS 'The day that was corrected, or came late.';
COMMENT ON COLUMN :"ml".restatements.rows_before IS 'Rows before; 0 of a day that came late.';
COMMENT ON COLUMN :"ml".restatements.rows_after IS 'Rows since.';
COMMENT ON COLUMN :"ml".restatements.changed_at IS 'When it was loaded.';
COMMENT ON COLUMN :"ml".restatements.rebuilt_at IS 'When what depends on the day was built, or asked for, again.';
