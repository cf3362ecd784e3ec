-- Releases that can be pinned, accepted against a gate, and told apart by the order of the pointer's moves.

ALTER TABLE :"meta".releases
    ADD COLUMN gates jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN facts jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN accepted_reason text,
    ADD COLUMN retired_xid xid8;
COMMENT ON COLUMN :"meta".releases.gates IS 'The gates that failed, each with its sentence.';
COMMENT ON COLUMN :"meta".releases.facts IS 'What the gates measured.';
COMMENT ON COLUMN :"meta".releases.accepted_reason IS 'Why a person accepted it although a gate failed.';
COMMENT ON COLUMN :"meta".releases.retired_xid IS 'Rows stay until no snapshot is older than this transaction.';
UPDATE :"meta".releases SET retired_xid = pg_current_xact_id() WHERE state = 'retired' AND dropped_at IS NULL;

ALTER TABLE :"meta".live
    ADD COLUMN pinned_at timestamptz,
    ADD COLUMN pinned_by text,
    ADD COLUMN pinned_reason text;
COMMENT ON COLUMN :"meta".live.pinned_reason IS 'Set while the pointer is pinned: publications do not move it.';

-- Clocks jump, so the order of moves is counted, not timed.
ALTER TABLE :"meta".live_history ADD COLUMN move_id bigint, ADD COLUMN reason text;
UPDATE :"meta".live_history AS h
SET move_id = n.move_id
FROM (
    SELECT subject, live_from, row_number() OVER (ORDER BY live_from, subject) AS move_id
    FROM :"meta".live_history
) AS n
WHERE n.subject = h.subject AND n.live_from = h.live_from;
ALTER TABLE :"meta".live_history ALTER COLUMN move_id SET NOT NULL;
ALTER TABLE :"meta".live_history ALTER COLUMN move_id ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(
    pg_get_serial_sequence(':"meta".live_history', 'move_id'),
    (SELECT coalesce(max(move_id), 0) + 1 FROM :"meta".live_history),
    false
);
ALTER TABLE :"meta".live_history DROP CONSTRAINT live_history_pkey, ADD PRIMARY KEY (subject, move_id);
COMMENT ON COLUMN :"meta".live_history.move_id IS 'Counts the moves of all pointers; later is higher, whatever the clock said.';
COMMENT ON COLUMN :"meta".live_history.reason IS 'Of a roll back or an acceptance.';

CREATE OR REPLACE VIEW :"ml".releases AS
SELECT
    r.release_id,
    r.subject,
    r.data_as_of,
    r.model_version,
    r.row_count AS "rows",
    r.checksum,
    r.run_id,
    r.published_at,
    r.state,
    nullif(
        concat_ws(
            ' ',
            r.reason,
            'Accepted: ' || r.accepted_reason,
            (
                SELECT format('Pinned by %s: %s', l.pinned_by, l.pinned_reason)
                FROM :"meta".live AS l
                WHERE l.release_id = r.release_id AND l.pinned_at IS NOT NULL
            )
        ),
        ''
    ) AS reason
FROM :"meta".releases AS r;
COMMENT ON COLUMN :"ml".releases.reason IS 'Why it was blocked, who accepted it nevertheless, and why it is pinned.';
