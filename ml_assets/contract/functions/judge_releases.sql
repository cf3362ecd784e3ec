-- One moment at which a release becomes stale, for the views and for ml.freshness alike.
--
-- The moment depends on the day, the policy and the calendar, none of which changes while people read. It is therefore
-- kept beside each release and the views compare the clock with it. It is written whenever a release or its state
-- changes (judge_release), and whenever the policies (policies_changed), the holidays or the calendar of the shop
-- (calendar_changed) do, also by hand. Both sides lock a row, shared or not (await_policies), so that a release that
-- goes live while a policy changes is judged by the new one.

CREATE OR REPLACE FUNCTION :"meta".judge_releases(of_subject text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM :"meta".turns AS t WHERE t.name = 'policies' FOR UPDATE;
    UPDATE :"meta".releases AS r
    SET stale_at = :"meta".stale_moment(r.subject, r.data_as_of)
    WHERE r.dropped_at IS NULL AND (
            of_subject IS NULL OR r.subject = of_subject
            -- Lists of arms are as old as those of everybody may be.
            OR (of_subject = 'recommendations' AND r.subject = 'arm_recommendations')
        )
        AND r.stale_at IS DISTINCT FROM :"meta".stale_moment(r.subject, r.data_as_of);
END
$$;

COMMENT ON FUNCTION :"meta".judge_releases(text) IS 'Writes anew when the kept releases become stale.';
REVOKE EXECUTE ON FUNCTION :"meta".judge_releases(text) FROM PUBLIC;
