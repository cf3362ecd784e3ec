-- Why a function is empty, told to whoever asks in vain.

CREATE OR REPLACE FUNCTION :"meta".tell_not_made(of_subject text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    why CONSTANT text := (SELECT n.reason FROM :"meta".not_made AS n WHERE n.subject = of_subject);
BEGIN
    IF why IS NOT NULL THEN
        RAISE NOTICE '% is not made: %', of_subject, why USING HINT = 'SELECT * FROM :"ml".not_made';
    END IF;
END
$$;

COMMENT ON FUNCTION :"meta".tell_not_made(text) IS 'A notice with the reason, where the shop does not make a subject.';
REVOKE EXECUTE ON FUNCTION :"meta".tell_not_made(text) FROM PUBLIC;
