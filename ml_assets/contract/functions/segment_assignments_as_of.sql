-- The body is in SQL's own syntax: it was resolved when it was made, so no search path can redirect it.

CREATE OR REPLACE FUNCTION :"ml".segment_assignments_as_of(at timestamptz)
RETURNS TABLE (
    customer_id :customer_id_type, segment_key text, segment_name text, data_as_of date, predicted_at timestamptz,
    model_version text, release_id bigint
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.customer_id, p.segment_key, p.segment_name, p.data_as_of, p.predicted_at, p.model_version, p.release_id
    FROM :"ml".past_segment_assignments AS p
    WHERE p.release_id = :"meta".release_at('segment_assignments', segment_assignments_as_of.at);
END;

COMMENT ON FUNCTION :"ml".segment_assignments_as_of(timestamptz)
IS 'The segment of every customer that was live at a moment.';
REVOKE EXECUTE ON FUNCTION :"ml".segment_assignments_as_of(timestamptz) FROM PUBLIC;
