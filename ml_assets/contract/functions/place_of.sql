-- Where a customer stands among all, from 0 to below 1: the first 48 bits of a SHA-256, which a double holds exactly.
-- ml_assets/experiments/assignment.py computes the same. SHA-256 and not MD5, which a server in FIPS mode refuses; not
-- hashtextextended, whose result PostgreSQL promises for no other version, byte order or language. The text is hashed
-- as UTF-8, whatever the encoding of the database.

CREATE OR REPLACE FUNCTION :"meta".place_of(salt text, customer text) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
-- In SQL's own syntax: no search path can redirect it, and it becomes a part of the query that calls it.
RETURN ('x' || left(encode(sha256(convert_to(salt || ':' || customer, 'UTF8')), 'hex'), 12))::bit(48)::bigint
    / 281474976710656::double precision;

COMMENT ON FUNCTION :"meta".place_of(text, text) IS 'A number from 0 to below 1, drawn for a customer with a salt, always the same.';
REVOKE EXECUTE ON FUNCTION :"meta".place_of(text, text) FROM PUBLIC;
