-- For those who load and publish, to whom the salt is closed: the database compares.

CREATE OR REPLACE FUNCTION :"meta".erased_among(customers text[]) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.customer
    FROM :"meta".erasure_salt AS s
    CROSS JOIN unnest(customers) AS c (customer)
    JOIN :"meta".erased_customers AS e ON e.customer_hash = sha256(s.salt || convert_to(c.customer, 'UTF8'))
$$;

COMMENT ON FUNCTION :"meta".erased_among(text[]) IS 'Those of some customers who were erased.';
REVOKE EXECUTE ON FUNCTION :"meta".erased_among(text[]) FROM PUBLIC;
