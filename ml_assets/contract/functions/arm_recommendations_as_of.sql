-- The body is in SQL's own syntax: it was resolved when it was made, so no search path can redirect it.

CREATE OR REPLACE FUNCTION :"ml".arm_recommendations_as_of(at timestamptz)
RETURNS TABLE (
    customer_id :customer_id_type, placement text, experiment text, arm text, rank integer, item_id :item_id_type,
    score real, source text, reason_code text, data_as_of date, predicted_at timestamptz, model_version text,
    release_id bigint
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.customer_id, p.placement, p.experiment, p.arm, p.rank, p.item_id, p.score, p.source, p.reason_code,
        p.data_as_of, p.predicted_at, p.model_version, p.release_id
    FROM :"ml".past_arm_recommendations AS p
    WHERE p.release_id = :"meta".release_at('arm_recommendations', arm_recommendations_as_of.at);
END;

COMMENT ON FUNCTION :"ml".arm_recommendations_as_of(timestamptz)
IS 'The lists made for arms of experiments that were live at a moment, as published.';
REVOKE EXECUTE ON FUNCTION :"ml".arm_recommendations_as_of(timestamptz) FROM PUBLIC;
