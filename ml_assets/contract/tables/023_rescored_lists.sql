-- Lists that are made anew while their release is live, because their customer bought something meanwhile: a list takes
-- the place of the one before in the release's partition, and that one is kept here.

ALTER TABLE :"store".recommendations ADD COLUMN rescored_at timestamptz;
COMMENT ON COLUMN :"store".recommendations.rescored_at IS 'When the list took the place of another of its release; NULL: it was published with it.';

CREATE TABLE :"store".replaced_recommendations (
    release_id bigint NOT NULL REFERENCES :"meta".releases,
    customer_id :customer_id_type NOT NULL,
    placement text NOT NULL,
    item_ids :item_id_type[] NOT NULL,
    scores real[] NOT NULL,
    sources smallint[] NOT NULL,
    reasons smallint[] NOT NULL,
    reason_items_1 :item_id_type[] NOT NULL,
    reason_items_2 :item_id_type[] NOT NULL,
    propensities real[],
    rescored_at timestamptz,
    replaced_at timestamptz NOT NULL
);
CREATE INDEX ON :"store".replaced_recommendations (release_id, customer_id, placement);
COMMENT ON TABLE :"store".replaced_recommendations IS 'As recommendations: lists that others took the place of while their release was live.';
COMMENT ON COLUMN :"store".replaced_recommendations.replaced_at IS 'Until when the list was shown.';

CREATE TABLE :"store".rescored_customers (
    release_id bigint NOT NULL REFERENCES :"meta".releases,
    customer_id :customer_id_type NOT NULL,
    known bigint NOT NULL,
    PRIMARY KEY (release_id, customer_id)
);
COMMENT ON TABLE :"store".rescored_customers IS 'Whose lists know purchases that are newer than their release.';
COMMENT ON COLUMN :"store".rescored_customers.known IS 'Fingerprint of those purchases.';

CREATE TABLE :"meta".rescorings (
    rescoring_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release_id bigint NOT NULL REFERENCES :"meta".releases,
    state text NOT NULL CHECK (state IN ('shown', 'refused', 'undone')),
    began_at timestamptz NOT NULL,
    rescored_at timestamptz,
    events_from date NOT NULL,
    events_until timestamptz,
    events bigint NOT NULL,
    customers bigint NOT NULL,
    lists bigint NOT NULL DEFAULT 0,
    model_version text NOT NULL,
    run_id text,
    reason text,
    facts jsonb NOT NULL DEFAULT '{}',
    CHECK ((rescored_at IS NULL) = (state = 'refused'))
);
CREATE INDEX ON :"meta".rescorings (release_id, rescored_at);
COMMENT ON TABLE :"meta".rescorings IS 'When lists of a live release were made anew, how many and from which events.';
