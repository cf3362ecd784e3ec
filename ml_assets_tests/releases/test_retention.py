"""Old releases go away, late and gently."""

from datetime import timedelta

import psycopg

from ml_assets.database.connection import ServingConnection
from ml_assets.releases.retention import drop_retired, retire
from ml_assets.releases.space import drop_now, retired_releases
from ml_assets_tests.releases.frames import assignments, drops, recommendations, release, segments

NOW = timedelta(0)


def states(connection: ServingConnection) -> dict[str, str]:
    rows = connection.execute("SELECT data_as_of::text, state FROM ml.releases ORDER BY release_id").fetchall()
    return dict(rows)


def test_the_newest_releases_and_the_live_one_are_kept(connection: ServingConnection) -> None:
    for day in range(4):
        release(connection, recommendations(), day=day, keep=2)
    assert list(states(connection).values()) == ["retired", "retired", "ready", "live"]


def test_a_backfill_of_a_day_older_than_those_kept_is_retired_at_once(connection: ServingConnection) -> None:
    for day in (5, 6):
        release(connection, recommendations(), day=day, keep=2)
    assert release(connection, recommendations(), day=0, keep=2).state == "retired"


def test_blocked_releases_do_not_push_out_good_ones(connection: ServingConnection) -> None:
    for day in range(2):
        release(connection, recommendations(), day=day, keep=2)
    for day in range(2, 5):
        release(connection, recommendations([1]), day=day, keep=2)
    assert list(states(connection).values()) == ["ready", "live", "retired", "blocked", "blocked"]


def test_retired_rows_are_dropped_after_the_grace_period_only(connection: ServingConnection) -> None:
    for day in (0, 0):
        release(connection, assignments(), "segment_assignments", day=day, segments=segments())
    assert drop_retired(connection, "segment_assignments") == 0
    assert drops(connection, "segment_assignments", 1, grace=NOW)
    assert drop_retired(connection, "segment_assignments", grace=NOW) == 0
    assert connection.execute("SELECT DISTINCT release_id FROM ml_store.segments").fetchall() == [(2,)]
    assert connection.execute("SELECT count(*) FROM ml.segment_assignments").fetchone() == (3,)


def test_dropping_gives_way_to_a_reader_and_is_tried_again(connection: ServingConnection, postgres_url: str) -> None:
    for day in (0, 0):
        release(connection, recommendations(), day=day)
    with psycopg.connect(postgres_url) as reader:
        reader.execute("SELECT count(*) FROM ml.recommendations").fetchone()
        assert drop_retired(connection, "recommendations", grace=NOW) == 0
        assert release(connection, recommendations(), day=1).state == "live"
    assert drops(connection, "recommendations", 1, grace=NOW)


def test_a_live_release_that_is_not_the_newest_is_kept(connection: ServingConnection) -> None:
    first, *_, last = (release(connection, recommendations(), day=day) for day in range(3))
    # As a roll back leaves it.
    for state, release_id in (("ready", last.release_id), ("live", first.release_id)):
        connection.execute("UPDATE ml_meta.releases SET state = %s WHERE release_id = %s", [state, release_id])
    retire(connection, last.release_id, keep=1)
    assert list(states(connection).values()) == ["live", "retired", "ready"]


def test_replaced_releases_have_a_ceiling_even_within_their_grace(connection: ServingConnection) -> None:
    for _ in range(6):
        release(connection, recommendations(), most_retired=2)
    assert [one.release_id for one in retired_releases(connection)] == [4, 5]
    release(connection, recommendations(), most_retired=0)
    assert retired_releases(connection) == []


def test_what_is_beyond_the_ceiling_stays_for_a_transaction_that_may_still_read_it(
    connection: ServingConnection, postgres_url: str
) -> None:
    release(connection, recommendations())
    with psycopg.connect(postgres_url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT 1")
        for _ in range(2):
            release(connection, recommendations(), most_retired=0)
        assert reader.execute("SELECT DISTINCT release_id FROM ml.recommendations").fetchall() == [(1,)]
        dropped, in_use = drop_now(connection)
        assert (dropped, [one.release_id for one in in_use]) == ([], [1, 2])
    dropped, in_use = drop_now(connection)
    assert ([one.release_id for one in dropped], in_use) == ([1, 2], [])
    assert all(one.size > 8192 for one in dropped)
