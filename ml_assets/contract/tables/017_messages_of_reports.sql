-- A message may be about no incident: the weekly page, told once for each day and channel.

ALTER TABLE :"meta".messages
    ALTER COLUMN incident_id DROP NOT NULL,
    DROP CONSTRAINT messages_event_check,
    ADD CONSTRAINT messages_event_check
    CHECK (event IN ('opened', 'worsened', 'escalated', 'reminded', 'resolved', 'report')),
    ADD CONSTRAINT only_reports_are_of_no_incident CHECK ((incident_id IS NULL) = (event = 'report'));
CREATE UNIQUE INDEX one_message_a_report ON :"meta".messages (number, channel) WHERE incident_id IS NULL;
COMMENT ON COLUMN :"meta".messages.number IS 'Of an incident: which of its messages; of a weekly page: its day, as YYYYMMDD.';
