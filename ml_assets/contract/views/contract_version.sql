CREATE OR REPLACE VIEW :"ml".contract_version AS
SELECT 1 AS version;

COMMENT ON VIEW :"ml".contract_version IS 'One row: the version of this contract.';
COMMENT ON COLUMN :"ml".contract_version.version IS 'Changes only when a reader would have to.';
