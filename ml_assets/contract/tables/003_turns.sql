-- Rows that a writer locks for a transaction. Advisory locks would do, were they not open to everybody who may log in.

CREATE TABLE :"meta".turns (
    name text PRIMARY KEY
);
COMMENT ON TABLE :"meta".turns IS 'What is done by one transaction at a time; take_turn locks the row.';
INSERT INTO :"meta".turns (name) VALUES ('policies');
