-- A lock until the end of the transaction. Readers can neither take it nor stand in its way, as they can with an
-- advisory lock.

CREATE OR REPLACE FUNCTION :"meta".take_turn(of_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO :"meta".turns AS t (name) VALUES (of_name) ON CONFLICT DO NOTHING;
    PERFORM FROM :"meta".turns AS t WHERE t.name = of_name FOR UPDATE;
END
$$;

COMMENT ON FUNCTION :"meta".take_turn(text) IS 'Be the only transaction that does something.';
REVOKE EXECUTE ON FUNCTION :"meta".take_turn(text) FROM PUBLIC;
