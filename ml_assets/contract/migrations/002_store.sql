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
