-- The arm alone, whoever may be in the experiment: for ml.assign_arm, and to write down who is counted.

CREATE OR REPLACE FUNCTION :"meta".draw_arm(of_experiment text, customer text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.arm
    FROM :"meta".experiments AS e
    JOIN :"meta".experiment_layers AS l ON l.layer = e.layer
    CROSS JOIN LATERAL (SELECT :"meta".place_of(l.salt, customer) AS place OFFSET 0) AS d
    JOIN :"meta".experiment_arms AS a ON a.experiment = e.experiment
    WHERE e.experiment = of_experiment AND d.place >= e.slice_from AND d.place < e.slice_until
        AND a.drawn_below > :"meta".place_of(e.salt, customer)
    ORDER BY a.drawn_below
    LIMIT 1
$$;

COMMENT ON FUNCTION :"meta".draw_arm(text, text) IS 'The arm of a customer; NULL where the layer gives the customer to others.';
REVOKE EXECUTE ON FUNCTION :"meta".draw_arm(text, text) FROM PUBLIC;
