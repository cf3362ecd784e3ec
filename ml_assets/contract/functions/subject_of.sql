-- What functions that work on a release ask first. Names of tables are made of the subject, so it must be a table.

CREATE OR REPLACE FUNCTION :"meta".subject_of(of_release bigint, in_states text[]) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    SELECT r.subject, r.state INTO found FROM :"meta".releases AS r WHERE r.release_id = of_release;
    IF (found.state = ANY (in_states)) IS NOT TRUE THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('release %s is %s', of_release, coalesce(found.state, 'unknown')),
            HINT = format('It must be %s.', array_to_string(in_states, ' or '));
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_class AS c
        WHERE c.relnamespace = ':"store"'::regnamespace AND c.relname = found.subject AND c.relkind = 'p'
    ) THEN
        RAISE undefined_table USING MESSAGE = format('there is no table for releases of %s', found.subject);
    END IF;
    RETURN found.subject;
END
$$;

COMMENT ON FUNCTION :"meta".subject_of(bigint, text[]) IS 'The subject of a release, which must be in one of some states.';
REVOKE EXECUTE ON FUNCTION :"meta".subject_of(bigint, text[]) FROM PUBLIC;
