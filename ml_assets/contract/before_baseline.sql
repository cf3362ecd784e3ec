-- What a database lacks that was made by the eighteen numbered files before the baseline. Its tables are the same.

CREATE TABLE :"meta".objects (
    name text PRIMARY KEY,
    hash text NOT NULL,
    version text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL DEFAULT current_user
);
COMMENT ON TABLE :"meta".objects IS 'Which views and functions are in force, and when they were applied.';
COMMENT ON COLUMN :"meta".objects.hash IS 'SHA-256 of the file with names and types filled in.';
COMMENT ON COLUMN :"meta".objects.version IS 'The ml-assets that applied it; an older one leaves it alone.';

-- What these two read of the shop's own tables stays, until the settings are read again.
INSERT INTO :"meta".objects (name, hash, version) VALUES ('views/hidden_items', '', '0'), ('views/recent_purchases', '', '0');

COMMENT ON TABLE :"meta".migrations IS 'Which numbered files of tables were applied, and when.';
COMMENT ON TABLE :"meta".roles IS 'Whether the three roles exist and have their grants, or why not.';
DELETE FROM :"meta".migrations;
