-- Erasure: who was erased, as salted hashes, and a guard against their return through the tables of rules.

CREATE TABLE :"meta".erasure_salt (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    salt bytea NOT NULL
);
COMMENT ON TABLE :"meta".erasure_salt IS 'One row: the secret that makes hashes of customer ids useless elsewhere.';
INSERT INTO :"meta".erasure_salt (salt)
SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');

CREATE TABLE :"meta".erased_customers (
    customer_hash bytea PRIMARY KEY,
    erased_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE :"meta".erased_customers IS 'Hashes of erased customers; neither loading nor publishing takes them in again.';

CREATE TABLE :"meta".erasures (
    receipt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_hash bytea NOT NULL,
    erased_at timestamptz NOT NULL DEFAULT now(),
    erased_by text NOT NULL DEFAULT session_user,
    removed jsonb NOT NULL,
    verified boolean
);
COMMENT ON TABLE :"meta".erasures IS 'Receipts: what was removed, of whom nobody can tell without asking for one id.';
COMMENT ON COLUMN :"meta".erasures.removed IS 'Rows removed, by table and by kind of file.';
COMMENT ON COLUMN :"meta".erasures.verified IS 'Whether a search afterwards found nothing; NULL: not searched.';

CREATE FUNCTION :"meta".is_erased(customer text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM :"meta".erased_customers) AND EXISTS (
        SELECT FROM :"meta".erased_customers AS e
        WHERE e.customer_hash = sha256((SELECT s.salt FROM :"meta".erasure_salt AS s) || convert_to(customer, 'UTF8'))
    )
$$;
COMMENT ON FUNCTION :"meta".is_erased(text) IS 'Whether a customer was erased.';
REVOKE EXECUTE ON FUNCTION :"meta".is_erased(text) FROM PUBLIC;

CREATE FUNCTION :"meta".refuse_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN :"meta".is_erased(NEW.customer_id::text) THEN NULL ELSE NEW END;
END
$$;
COMMENT ON FUNCTION :"meta".refuse_erased() IS 'Silently leaves out rows of erased customers.';
CREATE TRIGGER refuse_erased BEFORE INSERT OR UPDATE ON :"meta".purchases
FOR EACH ROW EXECUTE FUNCTION :"meta".refuse_erased();
CREATE TRIGGER refuse_erased BEFORE INSERT OR UPDATE ON :"meta".opt_outs
FOR EACH ROW EXECUTE FUNCTION :"meta".refuse_erased();
