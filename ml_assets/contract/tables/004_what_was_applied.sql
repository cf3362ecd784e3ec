-- What the database had after views, functions and grants were applied: what differs from it, somebody has changed.

ALTER TABLE :"meta".objects ADD COLUMN state text;
COMMENT ON COLUMN :"meta".objects.state IS
'Digest of the definition, comments, triggers and rights of PUBLIC that the database had when it was applied.';

ALTER TABLE :"meta".roles ADD COLUMN grants text;
COMMENT ON COLUMN :"meta".roles.grants IS 'Digest of what all roles might do when the grants were given.';
