ALTER TABLE :"meta".models ADD COLUMN declined_reason text, ADD COLUMN declined_by text, ADD COLUMN declined_at timestamptz;
COMMENT ON COLUMN :"meta".models.declined_reason IS 'Why a person said that a refused model is to stay refused.';
COMMENT ON COLUMN :"meta".models.declined_by IS 'Who said so.';
COMMENT ON COLUMN :"meta".models.declined_at IS 'When; a model that was accepted afterwards keeps it.';
