CREATE OR REPLACE VIEW :"ml".live_quality AS
SELECT
    q.day,
    q.placement,
    q.model_version,
    q.method,
    q.data_as_of,
    q.was_live,
    q.horizon,
    q.day + q.horizon - 1 AS through,
    q.customers,
    q.listed::double precision / nullif(q.customers, 0) AS listed_share,
    q.hit_rate,
    q.hit_rate_low,
    q.hit_rate_high,
    q.recall,
    q.ndcg,
    q.coverage,
    q.items_shown,
    q.novelty,
    q.promised_hit_rate,
    q.promised_low,
    q.promised_high,
    q.least_hit_rate,
    q.hit_rate < q.least_hit_rate AS is_below,
    q.release_id
FROM :"meta".live_quality AS q;

COMMENT ON VIEW :"ml".live_quality IS 'What became of the lists that were live: one row per day and list, once all days of the horizon are in.';
COMMENT ON COLUMN :"ml".live_quality.day IS 'The day on which they were live, and the first whose purchases count.';
COMMENT ON COLUMN :"ml".live_quality.placement IS 'The list.';
COMMENT ON COLUMN :"ml".live_quality.model_version IS 'The model that made them.';
COMMENT ON COLUMN :"ml".live_quality.method IS 'Its method for this list; empty for what was made elsewhere.';
COMMENT ON COLUMN :"ml".live_quality.data_as_of IS 'The last day behind the lists; earlier than the day before where a release was late or blocked.';
COMMENT ON COLUMN :"ml".live_quality.was_live IS 'False: made for the day but published later, so that nobody saw them on it.';
COMMENT ON COLUMN :"ml".live_quality.horizon IS 'Days whose purchases count, the shortest horizon of the backtest.';
COMMENT ON COLUMN :"ml".live_quality.through IS 'The last of these days.';
COMMENT ON COLUMN :"ml".live_quality.customers IS 'Customers who bought what this list is asked for, as in the backtest.';
COMMENT ON COLUMN :"ml".live_quality.listed_share IS 'Those of them who had a list of their own; the others are judged by the popular items.';
COMMENT ON COLUMN :"ml".live_quality.hit_rate IS 'Share of these customers who bought one of the first ten items; NULL: nobody bought.';
COMMENT ON COLUMN :"ml".live_quality.hit_rate_low IS 'Lower end of its 95 % interval (Wilson).';
COMMENT ON COLUMN :"ml".live_quality.hit_rate_high IS 'Upper end of it.';
COMMENT ON COLUMN :"ml".live_quality.recall IS 'Bought items among the first ten / bought items, mean over these customers.';
COMMENT ON COLUMN :"ml".live_quality.ndcg IS 'NDCG@10, mean over these customers.';
COMMENT ON COLUMN :"ml".live_quality.coverage IS 'Different items shown to them / items that may be recommended.';
COMMENT ON COLUMN :"ml".live_quality.items_shown IS 'Different items shown to them.';
COMMENT ON COLUMN :"ml".live_quality.novelty IS 'Mean surprise of what was shown to them, in bits.';
COMMENT ON COLUMN :"ml".live_quality.promised_hit_rate IS 'What the backtest of this model found; NULL: it has none.';
COMMENT ON COLUMN :"ml".live_quality.promised_low IS 'Lower end of its 95 % interval.';
COMMENT ON COLUMN :"ml".live_quality.promised_high IS 'Upper end of it.';
COMMENT ON COLUMN :"ml".live_quality.least_hit_rate IS 'What is to be expected at least: promised_low, less the sampling error of so many customers.';
COMMENT ON COLUMN :"ml".live_quality.is_below IS 'Whether the hit rate is less than that.';
COMMENT ON COLUMN :"ml".live_quality.release_id IS 'The release they were in.';
