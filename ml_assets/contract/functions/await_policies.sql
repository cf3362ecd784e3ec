-- The lock comes before any row is taken, hence a trigger of its own. Not at the insert: loading takes its time, and
-- the state that lets readers in is written after it. See judge_releases.

CREATE OR REPLACE FUNCTION :"meta".await_policies() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM :"meta".turns AS t WHERE t.name = 'policies' FOR SHARE;
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION :"meta".await_policies() FROM PUBLIC;

CREATE OR REPLACE TRIGGER await_policies BEFORE UPDATE OF state, subject, data_as_of ON :"meta".releases
FOR EACH STATEMENT EXECUTE FUNCTION :"meta".await_policies();
