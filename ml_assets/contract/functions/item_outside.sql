CREATE OR REPLACE FUNCTION :"meta".item_outside(place integer) RETURNS :item_id_type
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF place < 0 THEN
        -- Rules of arms are numbered above those of everybody.
        IF -place % 1000000000 > 500000000 THEN
            RETURN (SELECT r.item_id FROM :"meta".experiment_rules AS r WHERE r.rule_id = -place % 1000000000);
        END IF;
        RETURN (SELECT r.item_id FROM :"meta".rules AS r WHERE r.rule_id = -place % 1000000000);
    END IF;
    RETURN (SELECT p.item_ids[place % 1000000] FROM :"meta".popular_list() AS p);
END
$$;

COMMENT ON FUNCTION :"meta".item_outside(integer) IS 'The item at a place outside the candidates.';
GRANT EXECUTE ON FUNCTION :"meta".item_outside(integer) TO PUBLIC;
