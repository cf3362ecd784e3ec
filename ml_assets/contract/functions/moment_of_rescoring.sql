-- Later than the release, its move and every rescoring before, also where the clock was set back: lists are valid from one
-- to the next.

CREATE OR REPLACE FUNCTION :"meta".moment_of_rescoring(of_release bigint) RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT greatest(
        clock_timestamp(),
        (SELECT r.predicted_at + interval '1 microsecond' FROM :"meta".releases AS r WHERE r.release_id = of_release),
        (SELECT l.moved_at FROM :"meta".live AS l WHERE l.release_id = of_release),
        (
            SELECT max(greatest(t.rescored_at, t.replaced_at)) + interval '1 microsecond'
            FROM :"store".replaced_recommendations AS t WHERE t.release_id = of_release
        ),
        (
            SELECT max(r.rescored_at) + interval '1 microsecond'
            FROM :"meta".rescorings AS r WHERE r.release_id = of_release
        )
    )
$$;

COMMENT ON FUNCTION :"meta".moment_of_rescoring(bigint) IS 'When lists that are made anew now begin to be shown.';
REVOKE EXECUTE ON FUNCTION :"meta".moment_of_rescoring(bigint) FROM PUBLIC;
