-- It never fails an application: what cannot be counted is said and set aside. The arm is not noted, because a customer's
-- arm never changes: ml.experiment_customers has it.

CREATE OR REPLACE FUNCTION :"ml".log_exposure(
    customer_id :customer_id_type, placement text DEFAULT 'for_you', shown_at timestamptz DEFAULT now()
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    most CONSTANT integer := 100;
    subject text := 'recommendations';
    live bigint;
    shop record;
    present timestamptz;
    day date;
    answer text;
BEGIN
    SELECT h.timezone, h.clock_shift INTO shop FROM :"meta".shop AS h;
    present := now() + shop.clock_shift;
    day := (log_exposure.shown_at AT TIME ZONE shop.timezone)::date;
    IF log_exposure.customer_id IS NULL OR log_exposure.shown_at IS NULL THEN
        answer := 'incomplete';
    ELSIF log_exposure.shown_at > present + interval '5 minutes' THEN
        answer := 'in the future';
    ELSIF log_exposure.shown_at < present - interval '7 days' THEN
        answer := 'too late';
    ELSIF NOT EXISTS (SELECT FROM :"meta".placements AS p WHERE p.placement = log_exposure.placement) THEN
        answer := 'unknown placement';
    ELSE
        live := :"meta".live_release(subject);
        IF NOT EXISTS (
            SELECT FROM :"store".recommendations AS t
            WHERE t.customer_id = log_exposure.customer_id AND t.release_id = live
        ) AND NOT EXISTS (
            SELECT FROM :"store".experiment_customers AS c WHERE c.customer_id = log_exposure.customer_id
        ) THEN
            answer := 'unknown customer';
        ELSIF EXISTS (SELECT FROM :"meta".opted_out AS o WHERE o.customer_id = log_exposure.customer_id) THEN
            answer := 'opted out';
        END IF;
    END IF;
    IF answer IS NOT NULL THEN
        -- Never waits for others who count the same: it is "at least so many".
        PERFORM FROM :"meta".exposures_set_aside AS a
        WHERE a.told_on = (present AT TIME ZONE shop.timezone)::date AND a.reason = answer;
        IF FOUND THEN
            UPDATE :"meta".exposures_set_aside AS a SET times = a.times + 1
            WHERE a.ctid = (
                SELECT b.ctid FROM :"meta".exposures_set_aside AS b
                WHERE b.told_on = (present AT TIME ZONE shop.timezone)::date AND b.reason = answer
                    AND b.times < 1000000
                FOR UPDATE SKIP LOCKED
            );
        ELSE
            INSERT INTO :"meta".exposures_set_aside (told_on, reason)
            VALUES ((present AT TIME ZONE shop.timezone)::date, answer)
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN answer;
    END IF;
    IF to_regclass(':"store".exposures_' || to_char(day, 'YYYYMMDD')) IS NULL THEN
        PERFORM :"meta".open_day_of_exposures(day);
    END IF;
    INSERT INTO :"store".exposures AS e (shown_on, customer_id, placement, first_at, last_at)
    VALUES (day, log_exposure.customer_id, log_exposure.placement, log_exposure.shown_at, log_exposure.shown_at)
    ON CONFLICT (shown_on, customer_id, placement) DO UPDATE
    SET times = e.times + 1, first_at = least(e.first_at, excluded.first_at),
        last_at = greatest(e.last_at, excluded.last_at)
    WHERE e.times < most;
    RETURN CASE WHEN FOUND THEN 'counted' ELSE 'too often' END;
END
$$;

COMMENT ON FUNCTION :"ml".log_exposure(:customer_id_type, text, timestamptz)
IS 'Tell that a list was shown to a customer: counted, too often, or why it was set aside.';
REVOKE EXECUTE ON FUNCTION :"ml".log_exposure(:customer_id_type, text, timestamptz) FROM PUBLIC;
