-- What ml.recommend asks where a customer was drawn into an arm that does not see the live list: whether the customer may
-- see it. EXPERIMENT.ARM is a list that was made for that arm, rules:EXPERIMENT.ARM the live one under the rules of that
-- arm. What it says of each customer is what ml.assign_arm says. It runs with the rights and the search path of
-- ml.recommend: setting them again takes longer than the rest.

CREATE OR REPLACE FUNCTION :"meta".list_drawn(customer :customer_id_type, drawn text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    IF EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = customer) THEN
        RETURN NULL;
    END IF;
    IF drawn NOT LIKE '?%' THEN
        RETURN drawn;
    END IF;
    RETURN (
        SELECT substr(drawn, length(c.experiment) + 3)
        FROM :"store".experiment_customers AS c
        WHERE c.experiment = split_part(substr(drawn, 2), ':', 1) AND c.customer_id = customer
    );
END
$$;

COMMENT ON FUNCTION :"meta".list_drawn(:customer_id_type, text)
IS 'Which list a customer sees who was drawn into an arm: none, popular, one made for the arm, or the live one under its rules; NULL: the live one.';
REVOKE EXECUTE ON FUNCTION :"meta".list_drawn(:customer_id_type, text) FROM PUBLIC;
