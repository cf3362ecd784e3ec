"""Rolling back, pinning, accepting, and telling what was live when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.releases.compare import compare
from ml_assets.releases.pointer import accept, begin, roll_back, unpin
from ml_assets_tests.refused import refused
from ml_assets_tests.releases.frames import MONDAY, assignments, recommendations, release, segments
from ml_assets_tests.releases.test_gates import changed


def shown(connection: ServingConnection) -> int:
    ((release_id,),) = connection.execute("SELECT DISTINCT release_id FROM ml.recommendations").fetchall()
    return int(release_id)


def state_of(connection: ServingConnection, release_id: int) -> tuple[Any, ...]:
    query = "SELECT state, reason FROM ml.releases WHERE release_id = %s"
    return connection.execute(query, [release_id]).fetchall()[0]


def versions(connection: ServingConnection) -> list[tuple[Any, ...]]:
    """Every row of every release with its place on disk and the transaction that wrote it."""
    query = "SELECT tableoid::regclass::text, ctid::text, xmin::text FROM ml_store.recommendations ORDER BY 1, 2"
    return connection.execute(query).fetchall()


def test_a_roll_back_writes_no_row_of_a_release_however_large(connection: ServingConnection) -> None:
    for day in (0, 1):
        release(connection, recommendations(), day=day)
    before = versions(connection)
    roll_back(connection, "recommendations", to=None, reason="x")
    unpin(connection, "recommendations")
    assert (versions(connection), len(before)) == (before, 12)


def test_a_roll_back_shows_the_release_before_and_holds_it(connection: ServingConnection) -> None:
    first, second = (release(connection, recommendations(), day=day) for day in (0, 1))
    move = roll_back(connection, "recommendations", to=None, reason="prices were wrong")
    assert (move.before, move.after, shown(connection)) == (second.release_id, first.release_id, first.release_id)
    assert state_of(connection, first.release_id) == ("live", "Pinned by postgres: prices were wrong")
    third = release(connection, recommendations(), day=2)
    assert (third.state, shown(connection)) == ("ready", first.release_id)


def test_a_pinned_release_outlives_retention(connection: ServingConnection) -> None:
    first, *_ = (release(connection, recommendations(), day=day) for day in (0, 1))
    roll_back(connection, "recommendations", to=first.release_id, reason="x")
    for day in range(2, 7):
        release(connection, recommendations(), day=day, keep=2)
    assert shown(connection) == first.release_id


def test_unpinning_shows_the_newest_whole_release_and_follows_again(connection: ServingConnection) -> None:
    for day in (0, 1):
        release(connection, recommendations(), day=day)
    roll_back(connection, "recommendations", to=None, reason="x")
    newest = release(connection, recommendations(), day=2)
    release(connection, recommendations([1]), day=3)
    assert unpin(connection, "recommendations").after == shown(connection) == newest.release_id
    assert release(connection, recommendations(), day=4).state == "live"
    with refused("release.refused"):
        unpin(connection, "recommendations")


def test_what_cannot_be_rolled_back_to_is_refused(connection: ServingConnection) -> None:
    with refused("release.refused", "recommendations"):
        roll_back(connection, "recommendations", to=None, reason="x")
    good = release(connection, recommendations())
    with refused("release.refused", "recommendations older"):
        roll_back(connection, "recommendations", to=None, reason="x")
    other = release(connection, assignments(), "segment_assignments", segments=segments())
    blocked = release(connection, recommendations([1]), day=1)
    for target, words in (
        (other.release_id, "is one of segment"),
        (blocked.release_id, "is blocked"),
        (99, "no release"),
    ):
        with pytest.raises(UserError, match=words):
            roll_back(connection, "recommendations", to=target, reason="x")
    with pytest.raises(UserError, match="needs a reason"):
        roll_back(connection, "recommendations", to=good.release_id, reason=" ")
    with pytest.raises(UserError, match="no subject carts"):
        roll_back(connection, "carts", to=None, reason="x")
    assert shown(connection) == good.release_id


def test_a_blocked_release_can_be_accepted_with_a_reason(connection: ServingConnection) -> None:
    release(connection, recommendations())
    blocked = release(connection, recommendations([1]), day=1)
    assert accept(connection, blocked.release_id, reason="we sold the region").after == blocked.release_id
    assert shown(connection) == blocked.release_id
    state, reason = state_of(connection, blocked.release_id)
    assert state == "live"
    assert "less than 50%" in reason
    assert reason.endswith("Accepted: we sold the region")


def test_an_accepted_release_of_an_older_day_or_of_a_pinned_subject_is_ready_only(
    connection: ServingConnection,
) -> None:
    release(connection, recommendations())
    older = release(connection, recommendations([1]), day=1)
    live = release(connection, recommendations(), day=2)
    assert accept(connection, older.release_id, reason="x").after == live.release_id
    roll_back(connection, "recommendations", to=live.release_id, reason="hold")
    newer = release(connection, recommendations([1]), day=3)
    assert accept(connection, newer.release_id, reason="x").after == live.release_id
    assert shown(connection) == live.release_id
    with refused("release.refused", "ready"):
        accept(connection, newer.release_id, reason="x")


def test_a_release_that_cannot_be_read_is_not_accepted(connection: ServingConnection) -> None:
    broken = release(connection, changed("item_ids", [11, 12, 12, 13]))
    with pytest.raises(UserError, match="an item twice"):
        accept(connection, broken.release_id, reason="x")
    assert release(connection, changed("item_ids", [11, 12, 12, 13]), day=1, override="please").state == "blocked"


def test_an_override_publishes_what_a_gate_refuses_and_says_so(connection: ServingConnection) -> None:
    release(connection, recommendations())
    published = release(connection, recommendations([1]), day=1, override="half the shop closed")
    assert published.state == "live"
    assert "Accepted: half the shop closed" in state_of(connection, published.release_id)[1]
    assert release(connection, recommendations([1]), day=2, override="not needed").reason is None


def test_what_was_live_then_is_returned_exactly(connection: ServingConnection) -> None:
    moments, lists = [], []
    query = "SELECT customer_id, placement, rank, item_id, score FROM {} ORDER BY 1, 2, 3"
    for day, items in enumerate(([11, 12, 13], [12, 13, 14], [13, 14, 15])):
        release(connection, recommendations(items=items), day=day)
        lists.append(connection.execute(query.format("ml.recommendations")).fetchall())
        moments.append(connection.execute("SELECT clock_timestamp()").fetchall()[0][0])
    roll_back(connection, "recommendations", to=None, reason="x")
    at_all = "ml.recommendations_as_of(%s)"
    for moment, expected in zip(moments, lists, strict=True):
        assert connection.execute(query.format(at_all), [moment]).fetchall() == expected
    now = connection.execute(query.format("ml.recommendations_as_of(clock_timestamp())")).fetchall()
    assert now == lists[1]
    before = datetime(2000, 1, 1, tzinfo=UTC)
    assert connection.execute(query.format(at_all), [before]).fetchall() == []


def test_segments_that_were_live_then_are_returned(connection: ServingConnection) -> None:
    release(connection, assignments(["loyal", "loyal"]), "segment_assignments", segments=segments())
    (moment,) = connection.execute("SELECT clock_timestamp()").fetchall()[0]
    release(connection, assignments(["dormant", "loyal"]), "segment_assignments", day=1, segments=segments())
    query = "SELECT segment_name FROM ml.segment_assignments_as_of(%s) WHERE customer_id = 1"
    assert connection.execute(query, [moment]).fetchall() == [("Loyal",)]


def test_a_release_that_is_gone_is_named_not_shown_as_empty(connection: ServingConnection) -> None:
    release(connection, recommendations())
    (moment,) = connection.execute("SELECT clock_timestamp()").fetchall()[0]
    release(connection, recommendations())
    connection.execute("UPDATE ml_meta.releases SET dropped_at = now() WHERE release_id = 1")
    with pytest.raises(psycopg.errors.RaiseException, match=r"release 1 of recommendations.*was dropped"):
        connection.execute("SELECT * FROM ml.recommendations_as_of(%s)", [moment])


@pytest.mark.parametrize("jump", ["10 years", "-10 years"])
def test_a_clock_that_jumps_changes_neither_what_is_shown_nor_what_was(
    connection: ServingConnection, jump: str
) -> None:
    """What a jump of the server's clock leaves is a pointer and a history that were written at the wrong time."""
    first = release(connection, recommendations(items=[11, 12]))
    for table, column in (("live", "moved_at"), ("live_history", "live_from"), ("releases", "published_at")):
        connection.execute(f"UPDATE ml_meta.{table} SET {column} = {column} + %s::interval", [jump])
    assert shown(connection) == first.release_id
    second = release(connection, recommendations(items=[12, 13]), day=1)
    assert shown(connection) == second.release_id
    now = "SELECT DISTINCT release_id FROM ml.recommendations_as_of(clock_timestamp())"
    assert connection.execute(now).fetchall() == [(second.release_id,)]
    roll_back(connection, "recommendations", to=None, reason="x")
    assert shown(connection) == first.release_id
    assert connection.execute(now).fetchall() == [(first.release_id,)]


def test_two_releases_are_compared(connection: ServingConnection) -> None:
    a = release(connection, recommendations([1, 2, 3], [11, 12, 13]))
    b = release(connection, recommendations([2, 3, 4], [11, 14, 13]), day=1)
    found = compare(connection, a.release_id, b.release_id)
    assert (found.only_a, found.only_b, found.both, found.changed, found.overlap) == (2, 2, 4, 4, 0.5)
    assert found.movers[0] == {"customer_id": 2, "placement": "discover", "overlap": 0.5}
    assert [(item["item_id"], item["before"], item["after"]) for item in found.items] == [(12, 6, 0), (14, 0, 6)]
    assert compare(connection, a.release_id, a.release_id).changed == 0


def test_two_releases_of_segments_are_compared_by_their_flows(connection: ServingConnection) -> None:
    a = release(connection, assignments(["loyal", "loyal", "dormant"]), "segment_assignments", segments=segments())
    b = release(connection, assignments(["loyal", "dormant"]), "segment_assignments", day=1, segments=segments())
    found = compare(connection, a.release_id, b.release_id)
    assert (found.only_a, found.only_b, found.both, found.changed) == (1, 0, 2, 1)
    assert found.movers == [{"from": "loyal", "to": "dormant", "customers": 1}]
    other = release(connection, recommendations())
    with pytest.raises(UserError, match="is one of segment_assignments"):
        compare(connection, a.release_id, other.release_id)


def test_the_pointer_moves_only_in_a_transaction(connection: ServingConnection) -> None:
    with pytest.raises(RuntimeError, match="start of a transaction"):
        begin(connection, "recommendations")


def test_the_day_of_a_move_is_the_releases(connection: ServingConnection) -> None:
    for day in (0, 1):
        release(connection, recommendations(), day=day)
    assert roll_back(connection, "recommendations", to=None, reason="x").day == MONDAY
    assert unpin(connection, "recommendations").day == MONDAY + timedelta(days=1)
