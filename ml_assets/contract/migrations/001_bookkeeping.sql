-- Book-keeping: what was published, which release is live, which models exist, how fresh things are.
-- Placeholders are psql's: :"meta" is the schema's name, quoted.

CREATE TABLE :"meta".shop (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    customer_id_type text NOT NULL CHECK (customer_id_type IN ('bigint', 'text')),
    item_id_type text NOT NULL CHECK (item_id_type IN ('bigint', 'text')),
    source text NOT NULL,
    timezone text NOT NULL DEFAULT 'UTC',
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE :"meta".shop IS 'One row: what this database holds. Ids of another type, or another source, are refused.';

CREATE TABLE :"meta".roles (
    role text PRIMARY KEY,
    ready boolean NOT NULL,
    note text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE :"meta".roles IS 'Whether the two roles exist and have their grants, or why not.';

CREATE TABLE :"meta".releases (
    release_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    data_as_of date NOT NULL,
    predicted_at timestamptz NOT NULL DEFAULT now(),
    model_version text NOT NULL,
    row_count bigint NOT NULL DEFAULT 0,
    key_count bigint NOT NULL DEFAULT 0,
    checksum text NOT NULL DEFAULT '',
    run_id text,
    published_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL CHECK (state IN ('live', 'ready', 'blocked', 'retired')),
    reason text,
    k smallint NOT NULL CHECK (k > 0),
    source_words text[] NOT NULL DEFAULT '{}',
    reason_words text[] NOT NULL DEFAULT '{}',
    retired_at timestamptz,
    dropped_at timestamptz
);
CREATE INDEX ON :"meta".releases (subject, data_as_of);
CREATE UNIQUE INDEX one_live_release ON :"meta".releases (subject) WHERE state = 'live';
COMMENT ON TABLE :"meta".releases IS 'Every release ever published; its rows lie in the partition <subject>_<release_id>.';
COMMENT ON COLUMN :"meta".releases.key_count IS 'Different customers, items or scopes in the release.';
COMMENT ON COLUMN :"meta".releases.k IS 'How many items of each list are shown; more are stored.';
COMMENT ON COLUMN :"meta".releases.source_words IS 'The words behind the numbers in the column sources, from 1.';
COMMENT ON COLUMN :"meta".releases.reason_words IS 'The words behind the numbers in the column reasons, from 1.';

CREATE TABLE :"meta".live (
    subject text PRIMARY KEY,
    release_id bigint NOT NULL REFERENCES :"meta".releases,
    moved_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE :"meta".live IS 'The pointer: which release of a subject readers see.';

CREATE TABLE :"meta".live_history (
    subject text NOT NULL,
    release_id bigint NOT NULL REFERENCES :"meta".releases,
    live_from timestamptz NOT NULL,
    live_until timestamptz,
    PRIMARY KEY (subject, live_from)
);
COMMENT ON TABLE :"meta".live_history IS 'Where the pointer stood, and when.';

CREATE TABLE :"meta".models (
    model_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    version text NOT NULL,
    trained_through date NOT NULL,
    data_fingerprint text NOT NULL,
    parameters jsonb NOT NULL,
    metrics jsonb NOT NULL,
    card jsonb NOT NULL,
    artifact text NOT NULL,
    checksum text NOT NULL,
    decision text NOT NULL CHECK (decision IN ('promoted', 'refused')),
    reason text NOT NULL,
    run_id text,
    registered_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, trained_through, version)
);
COMMENT ON TABLE :"meta".models IS 'The model registry: every trained model, where its artifact lies, and whether it may score.';

CREATE TABLE :"meta".freshness_policies (
    subject text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('data', 'features', 'model', 'predictions')),
    warn_after interval NOT NULL,
    error_after interval NOT NULL,
    PRIMARY KEY (subject, kind)
);
COMMENT ON TABLE :"meta".freshness_policies IS 'From the settings: the ages at which a subject is late and stale.';

CREATE TABLE :"meta".observations (
    subject text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('data', 'features')),
    data_as_of date NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (subject, kind)
);
COMMENT ON TABLE :"meta".observations IS 'The newest day that data and features were seen to contain.';

CREATE TABLE :"meta".reason_templates (
    code text PRIMARY KEY,
    template text NOT NULL,
    plain text NOT NULL
);
COMMENT ON TABLE :"meta".reason_templates IS 'Sentences behind ml.recommendations.reason_text; edit them freely.';
COMMENT ON COLUMN :"meta".reason_templates.template IS 'With {item} for the first reason item, or {items} for both.';
COMMENT ON COLUMN :"meta".reason_templates.plain IS 'Where a recommendation has no reason items.';
INSERT INTO :"meta".reason_templates (code, template, plain) VALUES
    ('bought_often', 'You buy this often', 'You buy this often'),
    ('bought_recently', 'You bought this recently', 'You bought this recently'),
    ('bought_before', 'You bought this before', 'You bought this before'),
    ('looked_at', 'You looked at this', 'You looked at this'),
    ('because_you_bought', 'Because you bought {items}', 'Goes with what you bought'),
    ('customers_like_you', 'Customers like you buy this', 'Customers like you buy this'),
    ('popular', 'Popular right now', 'Popular right now');
