CREATE OR REPLACE FUNCTION :"meta".drop_exposures(before date) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part name;
    dropped integer := 0;
BEGIN
    PERFORM :"meta".take_turn('exposures');
    FOR part IN
        SELECT c.relname FROM pg_class AS c
        WHERE c.relnamespace = ':"store"'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^exposures_\d{8}$'
            AND c.relname < 'exposures_' || to_char(before, 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE :"store".%I', part);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM :"meta".exposures_set_aside AS a WHERE a.told_on < before;
    RETURN dropped;
END
$$;

COMMENT ON FUNCTION :"meta".drop_exposures(date) IS 'Drop what was told of days before this one; how many days.';
REVOKE EXECUTE ON FUNCTION :"meta".drop_exposures(date) FROM PUBLIC;
