-- A day is replaced whole: what was corrected in the source leaves nothing behind.

CREATE OR REPLACE FUNCTION :"meta".begin_outcomes(of_day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM :"meta".take_turn('experiment outcomes');
    DELETE FROM :"store".experiment_days AS d WHERE d.day = of_day;
    DELETE FROM :"store".experiment_listed AS d WHERE d.day = of_day;
    INSERT INTO :"meta".experiment_days_known AS k (day, customers) VALUES (of_day, 0)
    ON CONFLICT (day) DO UPDATE SET customers = 0, computed_at = now();
END
$$;

COMMENT ON FUNCTION :"meta".begin_outcomes(date) IS 'Forget what came of a day, to write it anew in the same transaction.';
REVOKE EXECUTE ON FUNCTION :"meta".begin_outcomes(date) FROM PUBLIC;
