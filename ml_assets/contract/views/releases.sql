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

COMMENT ON VIEW :"ml".releases IS 'Every published version, also blocked and retired ones.';
COMMENT ON COLUMN :"ml".releases.release_id IS 'Counts up; later is higher.';
COMMENT ON COLUMN :"ml".releases.subject IS 'What is released: a name of ml.freshness, such as recommendations.';
COMMENT ON COLUMN :"ml".releases.data_as_of IS 'Last day, in the shop''s time zone, whose events are behind this row.';
COMMENT ON COLUMN :"ml".releases.model_version IS 'The model that made it; see ml_meta.models.';
COMMENT ON COLUMN :"ml".releases."rows" IS 'Rows stored.';
COMMENT ON COLUMN :"ml".releases.checksum IS
    'xxh3_128 of the rows as they were loaded; of older releases their SHA-256, which is twice as long.';
COMMENT ON COLUMN :"ml".releases.run_id IS 'The Dagster run that published it.';
COMMENT ON COLUMN :"ml".releases.published_at IS 'When.';
COMMENT ON COLUMN :"ml".releases.state IS 'live (shown), ready (whole, not shown), blocked (a gate refused it) or retired (replaced or too old).';
COMMENT ON COLUMN :"ml".releases.reason IS 'Why it was blocked, who accepted it nevertheless, and why it is pinned.';
