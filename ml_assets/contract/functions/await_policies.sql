-- The lock comes before any row is taken, hence a trigger of its own. Not at the insert: loading takes its time, and
-- the state that lets readers in is written after it. See judge_releases.

CREATE OR REPLACE FUNCTION :"meta".await_policies() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended(':"meta".releases stale_at', 0));
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER await_policies BEFORE UPDATE OF state, subject, data_as_of ON :"meta".releases
FOR EACH STATEMENT EXECUTE FUNCTION :"meta".await_policies();
