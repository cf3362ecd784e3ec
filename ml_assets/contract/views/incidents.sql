CREATE OR REPLACE VIEW :"ml".incidents AS
SELECT
    i.incident_id,
    i.subject,
    i.cause,
    i.severity,
    i.state,
    i.owner,
    i.summary,
    i.opened_at,
    i.resolved_at,
    i.acknowledged_by,
    i.root AS explained_by
FROM :"meta".incidents AS i;

COMMENT ON VIEW :"ml".incidents IS 'What is or was wrong with data, features, models and predictions.';
COMMENT ON COLUMN :"ml".incidents.incident_id IS 'Number for `ml-assets alerts ack`.';
COMMENT ON COLUMN :"ml".incidents.subject IS 'What is affected.';
COMMENT ON COLUMN :"ml".incidents.cause IS 'What is wrong with it: stale, missing, volume, blocked, refused, drift, run, check ...';
COMMENT ON COLUMN :"ml".incidents.severity IS 'warning or error.';
COMMENT ON COLUMN :"ml".incidents.state IS 'open, reminded, escalated or resolved.';
COMMENT ON COLUMN :"ml".incidents.owner IS 'Who should mend it.';
COMMENT ON COLUMN :"ml".incidents.summary IS 'What is wrong, in one sentence.';
COMMENT ON COLUMN :"ml".incidents.opened_at IS 'When it was first seen.';
COMMENT ON COLUMN :"ml".incidents.resolved_at IS 'When it was over.';
COMMENT ON COLUMN :"ml".incidents.acknowledged_by IS 'Who has taken it on.';
COMMENT ON COLUMN :"ml".incidents.explained_by IS 'subject/cause of the incident that explains this one.';
