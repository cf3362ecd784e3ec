CREATE OR REPLACE VIEW :"ml".freshness AS
SELECT
    f.subject,
    f.kind,
    f.data_as_of,
    f.updated_at,
    f.age,
    f.warn_after,
    f.error_after,
    f.status,
    f.stale_at,
    f.row_count,
    f.usual_row_count,
    f.reason
FROM :"ml".freshness_at(now() + (SELECT s.clock_shift FROM :"meta".shop AS s)) AS f;

COMMENT ON VIEW :"ml".freshness IS 'How old everything is, judged from the data itself.';
COMMENT ON COLUMN :"ml".freshness.subject IS 'What is judged.';
COMMENT ON COLUMN :"ml".freshness.kind IS 'data, features, model or predictions.';
COMMENT ON COLUMN :"ml".freshness.data_as_of IS 'Last day contained; of a model, the last day it was trained on.';
COMMENT ON COLUMN :"ml".freshness.updated_at IS 'When that was last confirmed.';
COMMENT ON COLUMN :"ml".freshness.age IS 'Time since the end of that day in the shop''s time zone.';
COMMENT ON COLUMN :"ml".freshness.warn_after IS 'Age at which it is late.';
COMMENT ON COLUMN :"ml".freshness.error_after IS 'Age at which it is stale.';
COMMENT ON COLUMN :"ml".freshness.status IS 'fresh, warn, stale or missing.';
COMMENT ON COLUMN :"ml".freshness.stale_at IS 'When it becomes stale unless something newer arrives.';
COMMENT ON COLUMN :"ml".freshness.row_count IS 'Of data: rows of the newest day.';
COMMENT ON COLUMN :"ml".freshness.usual_row_count IS 'Of data: the median of the same weekday in the weeks before.';
COMMENT ON COLUMN :"ml".freshness.reason IS 'Why it is not fresh.';
