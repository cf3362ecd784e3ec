-- Incidents and the messages about them. One incident per subject and cause is open at a time.

CREATE TABLE :"meta".incidents (
    incident_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    cause text NOT NULL,
    kind text NOT NULL,
    collector text NOT NULL,
    owner text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warning', 'error')),
    state text NOT NULL CHECK (state IN ('open', 'reminded', 'escalated', 'resolved')),
    summary text NOT NULL,
    next_step text NOT NULL,
    root text,
    unrooted_at timestamptz,
    opened_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    good_since timestamptz,
    told_at timestamptz,
    told_severity text,
    escalated boolean NOT NULL DEFAULT false,
    messages integer NOT NULL DEFAULT 0,
    acknowledged_at timestamptz,
    acknowledged_by text,
    resolved_at timestamptz
);
CREATE UNIQUE INDEX one_open_incident ON :"meta".incidents (subject, cause) WHERE state <> 'resolved';
CREATE INDEX ON :"meta".incidents (opened_at);
COMMENT ON TABLE :"meta".incidents IS 'What is or was wrong: opened once, resolved once.';
COMMENT ON COLUMN :"meta".incidents.collector IS 'What saw it; only an evaluation that looked there may end it.';
COMMENT ON COLUMN :"meta".incidents.root IS 'subject/cause of the incident that explains this one, which is therefore not told.';
COMMENT ON COLUMN :"meta".incidents.good_since IS 'First good evaluation in a row; a second one ends the incident.';
COMMENT ON COLUMN :"meta".incidents.told_at IS 'When people were last told; NULL while they were not.';

CREATE TABLE :"meta".messages (
    message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES :"meta".incidents ON DELETE CASCADE,
    event text NOT NULL CHECK (event IN ('opened', 'worsened', 'escalated', 'reminded', 'resolved')),
    number integer NOT NULL,
    channel text NOT NULL,
    severity text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'passed_on', 'cancelled', 'given_up')),
    created_at timestamptz NOT NULL,
    not_before timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    sent_at timestamptz,
    error text,
    UNIQUE (incident_id, event, number, channel)
);
CREATE INDEX ON :"meta".messages (not_before) WHERE state = 'queued';
COMMENT ON TABLE :"meta".messages IS 'The outbox: written with the incident in one transaction, sent afterwards, at least once.';
COMMENT ON COLUMN :"meta".messages.not_before IS 'Quiet hours, or the wait before the next attempt.';

CREATE TABLE :"meta".mutes (
    subject text NOT NULL,
    cause text NOT NULL DEFAULT '*',
    until timestamptz NOT NULL,
    muted_by text NOT NULL,
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (subject, cause)
);
COMMENT ON TABLE :"meta".mutes IS 'Subjects nobody wants to hear of until a date; * stands for every cause.';

CREATE TABLE :"meta".channels (
    channel text PRIMARY KEY,
    failing_since timestamptz,
    failures integer NOT NULL DEFAULT 0,
    error text,
    worked_at timestamptz
);
COMMENT ON TABLE :"meta".channels IS 'Whether messages get through, by channel.';

CREATE TABLE :"meta".evaluators (
    evaluator text PRIMARY KEY,
    evaluated_at timestamptz NOT NULL
);
COMMENT ON TABLE :"meta".evaluators IS 'Who evaluates, and when last: silence of the sensor means that Dagster is dead.';

CREATE VIEW :"ml".incidents AS
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
