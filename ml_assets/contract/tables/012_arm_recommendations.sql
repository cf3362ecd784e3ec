-- The lists that are made for arms of experiments: released beside those of everybody, so that one that its gates refuse
-- holds nobody else's back.

CREATE TABLE :"store".arm_recommendations (
    release_id bigint NOT NULL,
    customer_id :customer_id_type NOT NULL,
    placement text NOT NULL,
    arm text NOT NULL,
    item_ids :item_id_type[] NOT NULL,
    scores real[] NOT NULL,
    sources smallint[] NOT NULL,
    reasons smallint[] NOT NULL,
    reason_items_1 :item_id_type[] NOT NULL,
    reason_items_2 :item_id_type[] NOT NULL
) PARTITION BY LIST (release_id);
COMMENT ON TABLE :"store".arm_recommendations IS 'As recommendations, of the customers of an arm, which is written EXPERIMENT.ARM.';
