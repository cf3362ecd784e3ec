CREATE OR REPLACE FUNCTION :"meta".release_at(of_subject text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    -- The newest move that had happened by then; a clock that was set back makes it win over later times.
    SELECT r.release_id, r.dropped_at INTO found
    FROM :"meta".live_history AS h
    JOIN :"meta".releases AS r ON r.release_id = h.release_id
    WHERE h.subject = of_subject AND h.live_from <= at
    ORDER BY h.move_id DESC
    LIMIT 1;
    IF found.dropped_at IS NOT NULL THEN
        RAISE EXCEPTION 'The release % of %, live at %, was dropped by retention on %.',
            found.release_id, of_subject, at, found.dropped_at::date
            USING HINT = 'ml.releases lists what is kept; the setting serving.keep_releases says how much.';
    END IF;
    RETURN found.release_id;
END
$$;

COMMENT ON FUNCTION :"meta".release_at(text, timestamptz) IS 'Which release of a subject was live at a moment.';
GRANT EXECUTE ON FUNCTION :"meta".release_at(text, timestamptz) TO PUBLIC;
