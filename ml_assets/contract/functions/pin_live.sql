CREATE OR REPLACE FUNCTION :"meta".pin_live(of_subject text, why text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE :"meta".live AS l
    SET pinned_at = CASE WHEN why IS NOT NULL THEN now() END,
        pinned_by = CASE WHEN why IS NOT NULL THEN session_user END,
        pinned_reason = why
    WHERE l.subject = of_subject
$$;

COMMENT ON FUNCTION :"meta".pin_live(text, text) IS 'Keep publications from moving the pointer of a subject; let them again where no reason is given.';
REVOKE EXECUTE ON FUNCTION :"meta".pin_live(text, text) FROM PUBLIC;
