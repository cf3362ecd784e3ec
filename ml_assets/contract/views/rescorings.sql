CREATE OR REPLACE VIEW :"ml".rescorings AS
SELECT
    r.rescoring_id,
    r.release_id,
    r.state,
    r.began_at,
    r.rescored_at,
    r.events_from,
    r.events_until,
    r.events,
    r.customers,
    r.lists,
    r.model_version,
    r.run_id,
    r.reason
FROM :"meta".rescorings AS r;

COMMENT ON VIEW :"ml".rescorings IS 'When lists of the live release were made anew inside the day (ml-assets run --since-last).';
COMMENT ON COLUMN :"ml".rescorings.rescoring_id IS 'Counts up; later is higher.';
COMMENT ON COLUMN :"ml".rescorings.release_id IS 'The release whose lists they took the place of; see ml.releases.';
COMMENT ON COLUMN :"ml".rescorings.state IS 'shown, refused (by a gate) or undone (by a roll back).';
COMMENT ON COLUMN :"ml".rescorings.began_at IS 'When the work began.';
COMMENT ON COLUMN :"ml".rescorings.rescored_at IS 'From when on readers saw the lists; NULL where they were refused.';
COMMENT ON COLUMN :"ml".rescorings.events_from IS 'First day of the events that the release does not know.';
COMMENT ON COLUMN :"ml".rescorings.events_until IS 'Time of the newest of them; NULL where only items went away.';
COMMENT ON COLUMN :"ml".rescorings.events IS 'How many of them there were.';
COMMENT ON COLUMN :"ml".rescorings.customers IS 'Whose lists were made anew.';
COMMENT ON COLUMN :"ml".rescorings.lists IS 'How many lists they have now.';
COMMENT ON COLUMN :"ml".rescorings.model_version IS 'The models that made them: those of the release.';
COMMENT ON COLUMN :"ml".rescorings.run_id IS 'The Dagster run that did it.';
COMMENT ON COLUMN :"ml".rescorings.reason IS 'Why they were refused or undone.';
