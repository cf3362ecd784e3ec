-- Attached with a check that proves its bound, so that nothing is scanned and those who tell other days go on.

CREATE OR REPLACE FUNCTION :"meta".open_day_of_exposures(of_day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part CONSTANT text := 'exposures_' || to_char(of_day, 'YYYYMMDD');
BEGIN
    PERFORM :"meta".take_turn('exposures');
    IF to_regclass(':"store".' || quote_ident(part)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format(
        'CREATE TABLE :"store".%I (LIKE :"store".exposures INCLUDING ALL, CHECK (shown_on >= %L AND shown_on < %L)) '
        'WITH (fillfactor = 70)',
        part, of_day, of_day + 1
    );
    EXECUTE format(
        'ALTER TABLE :"store".exposures ATTACH PARTITION :"store".%I FOR VALUES FROM (%L) TO (%L)', part, of_day, of_day + 1
    );
END
$$;

COMMENT ON FUNCTION :"meta".open_day_of_exposures(date) IS 'Make the partition of a day, unless it is there.';
REVOKE EXECUTE ON FUNCTION :"meta".open_day_of_exposures(date) FROM PUBLIC;
