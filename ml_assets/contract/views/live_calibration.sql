CREATE OR REPLACE VIEW :"ml".live_calibration AS
SELECT
    p.day,
    p.placement,
    q.model_version,
    p.kind,
    p.place,
    p.shown,
    p.bought,
    p.bought::double precision / nullif(p.shown, 0) AS share_bought
FROM :"meta".live_places AS p
JOIN :"meta".live_quality AS q ON q.day = p.day AND q.placement = p.placement;

COMMENT ON VIEW :"ml".live_calibration IS 'Whether better places sell better: how much of what was listed was bought, by rank and by tenth of the scores.';
COMMENT ON COLUMN :"ml".live_calibration.day IS 'As in ml.live_quality.';
COMMENT ON COLUMN :"ml".live_calibration.placement IS 'The list.';
COMMENT ON COLUMN :"ml".live_calibration.model_version IS 'The model that made it.';
COMMENT ON COLUMN :"ml".live_calibration.kind IS 'rank, or tenth of all scores of that day and list.';
COMMENT ON COLUMN :"ml".live_calibration.place IS 'Of ranks 1 to 10; of tenths 1 for the highest scores to 10.';
COMMENT ON COLUMN :"ml".live_calibration.shown IS 'Items in that place of the lists of customers who bought.';
COMMENT ON COLUMN :"ml".live_calibration.bought IS 'How many of them these customers bought within the horizon.';
COMMENT ON COLUMN :"ml".live_calibration.share_bought IS 'bought / shown.';
