-- All tables of the first release, with their indexes, comments and the rows that they are born with.
--
-- Placeholders are psql's: :"meta" is the schema's name, quoted. No table names a view or a function.


-- What this database is.

CREATE TABLE :"meta".shop (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    customer_id_type text NOT NULL CHECK (customer_id_type IN ('bigint', 'text')),
    item_id_type text NOT NULL CHECK (item_id_type IN ('bigint', 'text')),
    source text NOT NULL,
    timezone text NOT NULL DEFAULT 'UTC',
    created_at timestamptz NOT NULL DEFAULT now(),
    business_days smallint[] NOT NULL DEFAULT '{1,2,3,4,5,6,7}',
    clock_shift interval NOT NULL DEFAULT interval '0'
);
COMMENT ON TABLE :"meta".shop IS 'One row: what this database holds. Ids of another type, or another source, are refused.';
COMMENT ON COLUMN :"meta".shop.business_days IS 'Weekdays with business, Monday 1 to Sunday 7.';
COMMENT ON COLUMN :"meta".shop.clock_shift IS 'Added to the clock by which things are judged; not zero only in a demonstration.';

CREATE TABLE :"meta".roles (
    role text PRIMARY KEY,
    ready boolean NOT NULL,
    note text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE :"meta".roles IS 'Whether the three roles exist and have their grants, or why not.';

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


-- What was published, and what readers see.

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
    dropped_at timestamptz,
    gates jsonb NOT NULL DEFAULT '{}',
    facts jsonb NOT NULL DEFAULT '{}',
    accepted_reason text,
    retired_xid xid8,
    stale_at timestamptz
);
CREATE INDEX ON :"meta".releases (subject, data_as_of);
CREATE UNIQUE INDEX one_live_release ON :"meta".releases (subject) WHERE state = 'live';
COMMENT ON TABLE :"meta".releases IS 'Every release ever published; its rows lie in the partition <subject>_<release_id>.';
COMMENT ON COLUMN :"meta".releases.key_count IS 'Different customers, items or scopes in the release.';
COMMENT ON COLUMN :"meta".releases.k IS 'How many items of each list are shown; more are stored.';
COMMENT ON COLUMN :"meta".releases.source_words IS 'The words behind the numbers in the column sources, from 1.';
COMMENT ON COLUMN :"meta".releases.reason_words IS 'The words behind the numbers in the column reasons, from 1.';
COMMENT ON COLUMN :"meta".releases.gates IS 'The gates that failed, each with its sentence.';
COMMENT ON COLUMN :"meta".releases.facts IS 'What the gates measured.';
COMMENT ON COLUMN :"meta".releases.accepted_reason IS 'Why a person accepted it although a gate failed.';
COMMENT ON COLUMN :"meta".releases.retired_xid IS 'Rows stay until no snapshot is older than this transaction.';
COMMENT ON COLUMN :"meta".releases.stale_at IS 'When it becomes, or became, stale by the policy in force; NULL: never.';

CREATE TABLE :"meta".live (
    subject text PRIMARY KEY,
    release_id bigint NOT NULL REFERENCES :"meta".releases,
    moved_at timestamptz NOT NULL,
    pinned_at timestamptz,
    pinned_by text,
    pinned_reason text
) WITH (fillfactor = 50);
COMMENT ON TABLE :"meta".live IS 'The pointer: which release of a subject readers see.';
COMMENT ON COLUMN :"meta".live.pinned_reason IS 'Set while the pointer is pinned: publications do not move it.';

CREATE TABLE :"meta".live_history (
    subject text NOT NULL,
    release_id bigint NOT NULL REFERENCES :"meta".releases,
    live_from timestamptz NOT NULL,
    live_until timestamptz,
    move_id bigint GENERATED ALWAYS AS IDENTITY,
    reason text,
    PRIMARY KEY (subject, move_id)
);
COMMENT ON TABLE :"meta".live_history IS 'Where the pointer stood, and when.';
COMMENT ON COLUMN :"meta".live_history.move_id IS 'Counts the moves of all pointers; later is higher, whatever the clock said.';
COMMENT ON COLUMN :"meta".live_history.reason IS 'Of a roll back or an acceptance.';


-- Models, freshness and the days behind them.

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
    placement text NOT NULL DEFAULT '',
    method text NOT NULL DEFAULT '',
    facts jsonb NOT NULL DEFAULT '{}',
    forced_reason text,
    forced_by text,
    forced_at timestamptz,
    UNIQUE (kind, placement, trained_through, version)
);
COMMENT ON TABLE :"meta".models IS 'The model registry: every trained model, where its artifact lies, and whether it may score.';
COMMENT ON COLUMN :"meta".models.placement IS 'The list that the model fills, or similar_items; empty for models of another kind.';
COMMENT ON COLUMN :"meta".models.method IS 'The method that was chosen on the validation windows.';
COMMENT ON COLUMN :"meta".models.facts IS 'The numbers behind the decision: NDCG, coverage, and gains over the simple method and the champion.';
COMMENT ON COLUMN :"meta".models.reason IS 'Why it was promoted or refused, in a sentence.';
COMMENT ON COLUMN :"meta".models.forced_reason IS 'Why somebody promoted it against the rule; empty where nobody did.';
COMMENT ON COLUMN :"meta".models.forced_by IS 'The database role that did.';
COMMENT ON COLUMN :"meta".models.forced_at IS 'When.';

CREATE TABLE :"meta".freshness_policies (
    subject text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('data', 'features', 'model', 'predictions')),
    warn_after interval NOT NULL,
    error_after interval NOT NULL,
    deadline time,
    deadline_zone text,
    business_days_only boolean NOT NULL DEFAULT false,
    volume_warn double precision,
    volume_error double precision,
    volume_weeks integer,
    PRIMARY KEY (subject, kind)
);
COMMENT ON TABLE :"meta".freshness_policies IS 'From the settings: the ages at which a subject is late and stale.';
COMMENT ON COLUMN :"meta".freshness_policies.deadline IS 'A business day must be there by this time of the day after it; the ages then do not count.';
COMMENT ON COLUMN :"meta".freshness_policies.business_days_only IS 'Whether only business days make the subject older.';
COMMENT ON COLUMN :"meta".freshness_policies.volume_warn IS 'Rows of the newest day below this share of the usual are suspicious.';

CREATE TABLE :"meta".holidays (
    day date PRIMARY KEY,
    name text NOT NULL
);
COMMENT ON TABLE :"meta".holidays IS 'From the settings: further days without business.';

CREATE TABLE :"meta".observations (
    subject text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('data', 'features')),
    data_as_of date NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (subject, kind)
);
COMMENT ON TABLE :"meta".observations IS 'The newest day that data and features were seen to contain.';

CREATE TABLE :"meta".source_days (
    day date PRIMARY KEY,
    row_count bigint NOT NULL,
    fingerprint text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    run_id text
);
COMMENT ON TABLE :"meta".source_days IS 'Rows and content fingerprint of every day, as loaded into the lake.';

CREATE TABLE :"meta".restatements (
    restatement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    rows_before bigint NOT NULL,
    rows_after bigint NOT NULL,
    fingerprint_before text NOT NULL,
    fingerprint_after text NOT NULL,
    valid_until timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id text,
    rebuilt_at timestamptz
);
CREATE INDEX ON :"meta".restatements (day, valid_until);
COMMENT ON TABLE :"meta".restatements IS 'The ledger of days whose events changed after they were first loaded.';
COMMENT ON COLUMN :"meta".restatements.valid_until IS 'Until when the content before was what was known.';
COMMENT ON COLUMN :"meta".restatements.rebuilt_at IS 'When the partitions that depend on the day were asked for again.';

CREATE TABLE :"meta".drift (
    day date NOT NULL,
    subject text NOT NULL,
    metric text NOT NULL,
    value double precision NOT NULL,
    warn_at double precision NOT NULL,
    error_at double precision NOT NULL,
    status text NOT NULL CHECK (status IN ('ok', 'warn', 'error')),
    detail text NOT NULL,
    measured_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, metric, day)
);
COMMENT ON TABLE :"meta".drift IS 'Drift of features, scores, customers, items and hit rate, one row per day and measure.';
COMMENT ON COLUMN :"meta".drift.warn_at IS 'The value from which on it counts as changed.';


-- The physical tables: one partition per release, one row per list, best first.

CREATE TABLE :"store".items (
    item_id :item_id_type PRIMARY KEY,
    item_name text,
    category text
);
COMMENT ON TABLE :"store".items IS 'Names and categories of the items of the newest publication that brought them.';

CREATE TABLE :"store".recommendations (
    release_id bigint NOT NULL,
    customer_id :customer_id_type NOT NULL,
    placement text NOT NULL,
    item_ids :item_id_type[] NOT NULL,
    scores real[] NOT NULL,
    sources smallint[] NOT NULL,
    reasons smallint[] NOT NULL,
    reason_items_1 :item_id_type[] NOT NULL,
    reason_items_2 :item_id_type[] NOT NULL
) PARTITION BY LIST (release_id);
COMMENT ON TABLE :"store".recommendations IS 'Per customer and placement: parallel arrays, deeper than what is shown.';
COMMENT ON COLUMN :"store".recommendations.sources IS 'Numbers into releases.source_words.';
COMMENT ON COLUMN :"store".recommendations.reasons IS 'Numbers into releases.reason_words.';
COMMENT ON COLUMN :"store".recommendations.reason_items_1 IS 'The first item that explains each recommendation, or NULL.';

CREATE TABLE :"store".segment_assignments (
    release_id bigint NOT NULL,
    customer_id :customer_id_type NOT NULL,
    segment_key text NOT NULL
) PARTITION BY LIST (release_id);
COMMENT ON TABLE :"store".segment_assignments IS 'The segment of every customer.';

CREATE TABLE :"store".segments (
    release_id bigint NOT NULL REFERENCES :"meta".releases,
    segment_key text NOT NULL,
    segment_name text NOT NULL,
    description text NOT NULL,
    customers bigint NOT NULL,
    share double precision NOT NULL,
    median_recency_days double precision,
    median_orders_90d double precision,
    median_spend_90d double precision,
    median_spend_365d double precision,
    median_tenure_days double precision,
    PRIMARY KEY (release_id, segment_key)
);
COMMENT ON TABLE :"store".segments IS 'The profile of every segment, published with the assignments.';

CREATE TABLE :"store".similar_items (
    release_id bigint NOT NULL,
    item_id :item_id_type NOT NULL,
    item_ids :item_id_type[] NOT NULL,
    scores real[] NOT NULL
) PARTITION BY LIST (release_id);
COMMENT ON TABLE :"store".similar_items IS 'Per item: the items most like it.';

CREATE TABLE :"store".popular_items (
    release_id bigint NOT NULL,
    scope text NOT NULL,
    item_ids :item_id_type[] NOT NULL,
    scores real[] NOT NULL
) PARTITION BY LIST (release_id);
COMMENT ON TABLE :"store".popular_items IS 'Per scope (all, or a category): what sells best.';


-- What the shop says at read time: rules, purchases, opt-outs, and the words of reasons.

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
    ('popular', 'Popular right now', 'Popular right now'),
    ('popular_in_category', 'Popular among what you buy', 'Popular among what you buy'),
    ('pinned', 'Recommended by our team', 'Recommended by our team'),
    ('imported', 'Picked for you', 'Picked for you');

CREATE TABLE :"meta".placements (
    placement text PRIMARY KEY,
    on_stale text NOT NULL CHECK (on_stale IN ('serve', 'fallback_popular', 'empty')),
    repeat_after interval
);
COMMENT ON TABLE :"meta".placements IS 'From the settings: how each list behaves when it is read.';
COMMENT ON COLUMN :"meta".placements.on_stale IS 'What a list older than allowed shows: itself, the popular items, or nothing.';
COMMENT ON COLUMN :"meta".placements.repeat_after IS 'How long a bought item stays away; NULL: for good.';
INSERT INTO :"meta".placements (placement, on_stale, repeat_after) VALUES
    ('for_you', 'serve', interval '3 days'),
    ('discover', 'serve', NULL),
    ('buy_again', 'serve', interval '3 days');

CREATE TABLE :"meta".rules (
    rule_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('unavailable', 'ban', 'pin', 'boost', 'cap')),
    item_id :item_id_type,
    category text,
    placement text,
    value real,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_until timestamptz NOT NULL DEFAULT 'infinity',
    note text,
    noted_by text NOT NULL DEFAULT session_user,
    noted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ends_after_it_begins CHECK (valid_until > valid_from),
    CONSTRAINT names_what_it_is_about CHECK (
        CASE kind
            WHEN 'cap' THEN category IS NOT NULL AND item_id IS NULL
            WHEN 'boost' THEN (category IS NULL) <> (item_id IS NULL)
            ELSE item_id IS NOT NULL AND category IS NULL
        END
    ),
    CONSTRAINT has_the_value_of_its_kind CHECK (
        coalesce(
            CASE kind
                WHEN 'pin' THEN value BETWEEN 1 AND 500 AND value = trunc(value)
                WHEN 'boost' THEN value BETWEEN 0.001 AND 1000
                WHEN 'cap' THEN value BETWEEN 0 AND 500 AND value = trunc(value)
                ELSE value IS NULL
            END,
            false
        )
    )
);
CREATE INDEX rules_that_hide ON :"meta".rules USING hash (item_id) WHERE kind IN ('unavailable', 'ban');
CREATE INDEX rules_that_arrange ON :"meta".rules (kind) INCLUDE (valid_from, valid_until)
WHERE kind IN ('pin', 'boost', 'cap');
COMMENT ON TABLE :"meta".rules IS 'What merchandisers want; in force on the next SELECT. No placement means every one.';
COMMENT ON COLUMN :"meta".rules.kind IS 'unavailable and ban hide an item; pin puts it at a place; boost moves it, or its category, up or down; cap limits a category.';
COMMENT ON COLUMN :"meta".rules.value IS 'pin: the place, from 1. boost: 2 halves an item''s place, 0.5 doubles it. cap: most items of the category in a list.';
COMMENT ON COLUMN :"meta".rules.valid_from IS 'In force from this moment.';
COMMENT ON COLUMN :"meta".rules.valid_until IS 'In force until just before this moment.';
-- A rule for a list that does not exist would silently do nothing. Not valid for rows from before: such rules may exist.
ALTER TABLE :"meta".rules
    ADD CONSTRAINT is_about_a_known_list FOREIGN KEY (placement) REFERENCES :"meta".placements (placement) NOT VALID;

CREATE TABLE :"meta".purchases (
    customer_id :customer_id_type NOT NULL,
    item_id :item_id_type NOT NULL,
    bought_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON :"meta".purchases (customer_id) INCLUDE (item_id, bought_at);
COMMENT ON TABLE :"meta".purchases IS 'What was bought lately; the shop inserts, publishing removes what is old.';

CREATE TABLE :"meta".opt_outs (
    customer_id :customer_id_type PRIMARY KEY,
    noted_at timestamptz NOT NULL DEFAULT now(),
    note text
);
COMMENT ON TABLE :"meta".opt_outs IS 'Customers who want nothing personal; in force on the next SELECT.';


-- Erasure: who was erased, as salted hashes.

CREATE TABLE :"meta".erasure_salt (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    salt bytea NOT NULL
);
COMMENT ON TABLE :"meta".erasure_salt IS 'One row: the secret that makes hashes of customer ids useless elsewhere.';
INSERT INTO :"meta".erasure_salt (salt)
SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');

CREATE TABLE :"meta".erased_customers (
    customer_hash bytea PRIMARY KEY,
    erased_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE :"meta".erased_customers IS 'Hashes of erased customers; neither loading nor publishing takes them in again.';

CREATE TABLE :"meta".erasures (
    receipt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_hash bytea NOT NULL,
    erased_at timestamptz NOT NULL DEFAULT now(),
    erased_by text NOT NULL DEFAULT session_user,
    removed jsonb NOT NULL,
    verified boolean
);
COMMENT ON TABLE :"meta".erasures IS 'Receipts: what was removed, of whom nobody can tell without asking for one id.';
COMMENT ON COLUMN :"meta".erasures.removed IS 'Rows removed, by table and by kind of file.';
COMMENT ON COLUMN :"meta".erasures.verified IS 'Whether a search afterwards found nothing; NULL: not searched.';


-- Incidents and the messages about them.

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
