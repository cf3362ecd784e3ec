CREATE OR REPLACE FUNCTION :"meta".is_erased(customer text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM :"meta".erased_customers) AND EXISTS (
        SELECT FROM :"meta".erased_customers AS e
        WHERE e.customer_hash = sha256((SELECT s.salt FROM :"meta".erasure_salt AS s) || convert_to(customer, 'UTF8'))
    )
$$;

COMMENT ON FUNCTION :"meta".is_erased(text) IS 'Whether a customer was erased.';
REVOKE EXECUTE ON FUNCTION :"meta".is_erased(text) FROM PUBLIC;
