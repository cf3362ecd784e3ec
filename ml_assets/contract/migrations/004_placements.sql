-- A champion for every placement: one artifact may hold the methods of several, each promoted or refused on its own.

ALTER TABLE :"meta".models
    ADD COLUMN placement text NOT NULL DEFAULT '',
    ADD COLUMN method text NOT NULL DEFAULT '',
    ADD COLUMN facts jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN forced_reason text,
    ADD COLUMN forced_by text,
    ADD COLUMN forced_at timestamptz,
    DROP CONSTRAINT models_kind_trained_through_version_key,
    ADD UNIQUE (kind, placement, trained_through, version);
COMMENT ON COLUMN :"meta".models.placement IS 'The list that the model fills, or similar_items; empty for models of another kind.';
COMMENT ON COLUMN :"meta".models.method IS 'The method that was chosen on the validation windows.';
COMMENT ON COLUMN :"meta".models.facts IS 'The numbers behind the decision: NDCG, coverage, and gains over the simple method and the champion.';
COMMENT ON COLUMN :"meta".models.reason IS 'Why it was promoted or refused, in a sentence.';
COMMENT ON COLUMN :"meta".models.forced_reason IS 'Why somebody promoted it against the rule; empty where nobody did.';
COMMENT ON COLUMN :"meta".models.forced_by IS 'The database role that did.';
COMMENT ON COLUMN :"meta".models.forced_at IS 'When.';

INSERT INTO :"meta".reason_templates (code, template, plain) VALUES
    ('popular_in_category', 'Popular among what you buy', 'Popular among what you buy')
ON CONFLICT (code) DO NOTHING;
