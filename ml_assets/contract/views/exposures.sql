CREATE OR REPLACE VIEW :"ml".exposures AS
SELECT e.shown_on, e.customer_id, e.placement, e.first_at, e.last_at, e.times
FROM :"store".exposures AS e
WHERE NOT EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = e.customer_id);

COMMENT ON VIEW :"ml".exposures IS 'Which list was shown to whom on which day, as applications told it by ml.log_exposure.';
COMMENT ON COLUMN :"ml".exposures.shown_on IS 'The day, in the shop''s time zone.';
COMMENT ON COLUMN :"ml".exposures.customer_id IS 'To whom.';
COMMENT ON COLUMN :"ml".exposures.placement IS 'Which list.';
COMMENT ON COLUMN :"ml".exposures.first_at IS 'When first on that day.';
COMMENT ON COLUMN :"ml".exposures.last_at IS 'When last on that day.';
COMMENT ON COLUMN :"ml".exposures.times IS 'How often on that day, up to 100.';
