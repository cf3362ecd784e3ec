CREATE TABLE :"meta".unread (
    what text PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now(),
    problem text NOT NULL,
    next_step text NOT NULL
);
COMMENT ON TABLE :"meta".unread IS 'What the last run could not read, or not believe, and went on without. A row goes when it was read again.';
COMMENT ON COLUMN :"meta".unread.since IS 'The first run that could not.';
