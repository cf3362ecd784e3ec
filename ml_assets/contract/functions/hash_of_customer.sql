CREATE OR REPLACE FUNCTION :"meta".hash_of_customer(customer text) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256(s.salt || convert_to(customer, 'UTF8')) FROM :"meta".erasure_salt AS s
$$;

COMMENT ON FUNCTION :"meta".hash_of_customer(text) IS 'SHA-256 of the shop''s salt and an id, as in receipts of erasures.';
REVOKE EXECUTE ON FUNCTION :"meta".hash_of_customer(text) FROM PUBLIC;
