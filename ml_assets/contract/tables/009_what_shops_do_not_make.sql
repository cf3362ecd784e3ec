CREATE TABLE :"meta".not_made (
    subject text PRIMARY KEY,
    reason text NOT NULL
);
COMMENT ON TABLE :"meta".not_made IS 'What a shop does not make, by its settings: such subjects have no age and no release.';
