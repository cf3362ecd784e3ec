"""Who was in which segment on which day, whatever order releases come in, and what became of the segments."""

from collections import Counter
from datetime import date, timedelta
from random import Random

import polars as pl
import psycopg
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.erasure.database import delete_rows
from ml_assets.releases.pointer import accept, roll_back, unpin
from ml_assets.releases.publish import Release
from ml_assets.releases.retention import drop_retired
from ml_assets.settings.serving import GateSettings
from ml_assets_tests.releases.frames import UNJUDGED, drops, release, segments
from ml_assets_tests.releases.segment_days import KEYS, States, day, history, moves, publish, shown, states_on


def test_a_customers_ranges_begin_and_end_with_the_days_of_data(connection: ServingConnection) -> None:
    publish(connection, 0, {1: "loyal", 2: "dormant"})
    publish(connection, 1, {1: "loyal", 2: "loyal", 3: "dormant"})
    publish(connection, 4, {1: "champions", 3: "dormant"})
    assert history(connection, 1) == [("loyal", 0, 4, "joined"), ("champions", 4, None, "moved")]
    assert history(connection, 2) == [("dormant", 0, 1, "joined"), ("loyal", 1, 4, "moved")]
    assert history(connection, 3) == [("dormant", 1, None, "joined")]
    assert moves(connection, 0) == {(None, "loyal", "joined"): 1, (None, "dormant", "joined"): 1}
    assert moves(connection, 4) == {
        ("loyal", "champions", "moved"): 1, ("loyal", None, "left"): 1, ("dormant", "dormant", "stayed"): 1,
    }  # fmt: skip


def test_who_comes_back_joins_again(connection: ServingConnection) -> None:
    for number, states in enumerate([{1: "loyal", 2: "loyal"}, {2: "loyal"}, {1: "loyal", 2: "loyal"}]):
        publish(connection, number, states)
    assert history(connection, 1) == [("loyal", 0, 1, "joined"), ("loyal", 2, None, "joined")]


def test_ranges_of_a_customer_cannot_overlap_even_by_hand(connection: ServingConnection) -> None:
    publish(connection, 0, {1: "loyal"})
    publish(connection, 2, {1: "dormant"})
    insert = "INSERT INTO ml_store.segment_history (customer_id, valid_from, segment_key) VALUES (1, %s, 'champions')"
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(insert, [day(2)])
    connection.execute(insert, [day(1)])
    assert [row[:3] for row in history(connection, 1)] == [("loyal", 0, 1), ("champions", 1, 2), ("dormant", 2, None)]


def test_rolling_back_shows_the_history_as_it_was_and_writes_nothing(connection: ServingConnection) -> None:
    publish(connection, 0, {1: "loyal"})
    publish(connection, 1, {1: "dormant"})
    rows = "SELECT ctid::text, xmin::text FROM ml_store.segment_history ORDER BY 1"
    before = connection.execute(rows).fetchall()
    roll_back(connection, "segment_assignments", to=None, reason="x")
    assert history(connection, 1) == [("loyal", 0, None, "joined")]
    assert moves(connection, 1) == {}
    unpin(connection, "segment_assignments")
    assert history(connection, 1) == [("loyal", 0, 1, "joined"), ("dormant", 1, None, "moved")]
    assert connection.execute(rows).fetchall() == before


def test_days_published_while_another_is_pinned_are_in_the_history_once_it_is_not(
    connection: ServingConnection,
) -> None:
    publish(connection, 0, {1: "loyal"})
    publish(connection, 1, {1: "dormant"})
    roll_back(connection, "segment_assignments", to=None, reason="x")
    for number, key in ((1, "loyal"), (2, "champions"), (3, "champions")):
        publish(connection, number, {1: key})
    assert history(connection, 1) == [("loyal", 0, None, "joined")]
    unpin(connection, "segment_assignments")
    assert history(connection, 1) == [("loyal", 0, 2, "joined"), ("champions", 2, None, "moved")]


def test_a_day_that_is_pinned_and_published_again_keeps_what_readers_see(connection: ServingConnection) -> None:
    publish(connection, 0, {1: "loyal"})
    roll_back(connection, "segment_assignments", to=publish(connection, 1, {1: "dormant"}).release_id, reason="x")
    publish(connection, 1, {1: "champions"})
    assert history(connection, 1)[-1] == ("dormant", 1, None, "moved")
    unpin(connection, "segment_assignments")
    assert history(connection, 1)[-1] == ("champions", 1, None, "moved")


def test_a_corrected_day_changes_its_moves_and_no_other_days_states(connection: ServingConnection) -> None:
    for number, key in enumerate(("loyal", "loyal", "dormant", "dormant")):
        publish(connection, number, {1: key, 2: "loyal"})
    publish(connection, 1, {1: "dormant", 2: "champions"})
    assert history(connection, 1) == [("loyal", 0, 1, "joined"), ("dormant", 1, None, "moved")]
    assert [row[:3] for row in history(connection, 2)] == [("loyal", 0, 1), ("champions", 1, 2), ("loyal", 2, None)]
    assert moves(connection, 2) == {("dormant", "dormant", "stayed"): 1, ("champions", "loyal", "moved"): 1}


def test_a_blocked_release_is_in_the_history_once_it_is_accepted(connection: ServingConnection) -> None:
    publish(connection, 0, dict.fromkeys(range(60), "loyal"))
    gates = UNJUDGED.model_copy(update={"judge_from": 1, "most_moved": 0.1})
    blocked = publish(connection, 1, dict.fromkeys(range(60), "dormant"), gates=gates)
    assert (blocked.state, history(connection, 1)) == ("blocked", [("loyal", 0, None, "joined")])
    accept(connection, blocked.release_id, reason="x")
    assert history(connection, 1) == [("loyal", 0, 1, "joined"), ("dormant", 1, None, "moved")]


def test_an_older_day_is_held_against_what_the_history_has_of_it(connection: ServingConnection) -> None:
    states: States = {number: KEYS[number % 3] for number in range(12)}
    for number in (0, 2, 9):
        publish(connection, number, states)
    gates = GateSettings(judge_from=10)
    few = publish(connection, 2, {1: "loyal"}, model="elsewhere", gates=gates)
    assert (few.state, few.reason) == ("blocked", f"It covers 1 customers, the history of {day(2)} 12: less than 50%.")
    turned = publish(connection, 3, dict.fromkeys(states, "dormant"), gates=gates)
    assert turned.state == "blocked"
    assert f"67% of the customers are in another segment than in the history of {day(2)}." in (turned.reason or "")
    assert states_on(connection, day(2)) == states_on(connection, day(3)) == states
    assert publish(connection, 2, states | {1: "dormant"}, gates=gates).state == "ready"
    before_all = publish(connection, -5, {1: "loyal"}, gates=gates)
    assert before_all.state == "ready"


def test_segments_made_elsewhere_are_in_the_history_like_others(text_connection: ServingConnection) -> None:
    publish(text_connection, 0, {"a": "vip", "b": "rest"}, "imported-1", keys=("vip", "rest"))
    publish(text_connection, 1, {"a": "vip", "b": "vip"}, "imported-2", keys=("vip", "rest"))
    assert history(text_connection, "b") == [("rest", 0, 1, "joined"), ("vip", 1, None, "moved")]


def test_an_erased_customer_is_in_no_history_and_the_flows_still_sum(connection: ServingConnection) -> None:
    publish(connection, 0, {1: "loyal", 2: "loyal"})
    publish(connection, 1, {1: "dormant", 2: "loyal"})
    assert delete_rows(connection, 1)["segment_history"] == 2
    publish(connection, 2, {2: "loyal"})
    assert history(connection, 1) == []
    assert sum(moves(connection, 1).values()) == 2
    assert moves(connection, 2) == {("loyal", "loyal", "stayed"): 1}
    publish(connection, 1, {2: "champions"})
    assert sum(moves(connection, 2).values()) == 1


def test_segments_made_elsewhere_do_not_count_who_was_erased(connection: ServingConnection) -> None:
    hashed = "SELECT sha256(salt || convert_to('3', 'UTF8')) FROM ml_meta.erasure_salt"
    connection.execute(f"INSERT INTO ml_meta.erased_customers (customer_hash) {hashed}")
    publish(connection, 0, {1: "loyal", 2: "loyal", 3: "loyal", 4: "dormant"})
    rows = connection.execute(
        "SELECT segment_key, customers, share FROM ml.segments ORDER BY customers DESC"
    ).fetchall()
    assert rows == [("loyal", 2, 2 / 3), ("dormant", 1, 1 / 3), ("champions", 0, 0.0)]


def test_who_opted_out_has_no_history_to_be_read(connection: ServingConnection) -> None:
    publish(connection, 0, {1: "loyal", 2: "loyal"})
    connection.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (1)")
    assert (history(connection, 1), len(history(connection, 2))) == ([], 1)


def test_a_reason_is_read_of_the_move_that_it_is_about_alone(connection: ServingConnection) -> None:
    query = "SELECT reason, measures FROM ml.segment_history WHERE customer_id = 1 ORDER BY valid_from DESC LIMIT 1"

    def why(number: int, key: str) -> None:
        notes = {"moved_from": ["loyal"], "reason": ["spend 9 to 1"], "reason_measures": ['[{"measure": "spend_90d"}]']}
        frame = pl.DataFrame({"customer_id": [1], "segment_key": [key]} | notes)
        release(connection, frame, "segment_assignments", day=number, segments=segments(KEYS))

    publish(connection, 0, {1: "loyal"})
    why(1, "dormant")
    assert connection.execute(query).fetchone() == ("spend 9 to 1", [{"measure": "spend_90d"}])
    why(2, "champions")
    assert connection.execute(query).fetchone() == (None, None)


def test_a_day_whose_rows_retention_has_dropped_is_known_from_the_history(connection: ServingConnection) -> None:
    for number, key in enumerate(("loyal", "dormant", "dormant")):
        publish(connection, number, {1: key, 2: "loyal"}, keep=1)
    connection.execute("UPDATE ml_meta.releases SET retired_at = now() - interval '1 day' WHERE state = 'retired'")
    assert drops(connection, "segment_assignments", 2)
    publish(connection, 1, {1: "loyal", 2: "loyal"}, keep=1)
    assert [row[:3] for row in history(connection, 1)] == [("loyal", 0, 2), ("dormant", 2, None)]
    assert history(connection, 2) == [("loyal", 0, None, "joined")]


@pytest.mark.parametrize("seed", range(3))
def test_any_sequence_of_releases_leaves_the_history_true(connection: ServingConnection, seed: int) -> None:
    random = Random(seed)
    recorded: dict[date, States] = {}
    live: Release | None = None
    pinned = False
    for _ in range(18):
        if live and random.random() < 0.25:
            if pinned:
                unpin(connection, "segment_assignments")
            else:
                query = (
                    "SELECT release_id FROM ml_meta.releases WHERE subject = 'segment_assignments' "
                    "AND state IN ('live', 'ready') ORDER BY 1"
                )
                ready = [one for (one,) in connection.execute(query).fetchall()]
                roll_back(connection, "segment_assignments", to=random.choice(ready), reason="x")
            pinned = not pinned
        else:
            states = {customer: random.choice(KEYS) for customer in range(9) if random.random() < 0.7} or {0: "loyal"}
            keep = random.choice([2, 50])
            live = publish(connection, random.randrange(6), states, f"m-{random.randrange(2)}", keep=keep)
            drop_retired(connection, "segment_assignments", grace=timedelta(0))
            if live.state == "live" or not _is_live_day(connection, live.day):
                recorded[live.day] = states
        live_day = _live_day(connection)
        recorded[live_day] = shown(connection)
        _compare(connection, recorded, live_day)


def _live_day(connection: ServingConnection) -> date:
    query = "SELECT data_as_of FROM ml.releases WHERE subject = 'segment_assignments' AND state = 'live'"
    ((when,),) = connection.execute(query).fetchall()
    assert isinstance(when, date)
    return when


def _is_live_day(connection: ServingConnection, when: date) -> bool:
    return _live_day(connection) == when


def _compare(connection: ServingConnection, recorded: dict[date, States], live: date) -> None:
    before: States = {}
    for when in sorted(one for one in recorded if one <= live):
        now = recorded[when]
        assert states_on(connection, when) == now
        flows = Counter((before.get(one), now.get(one)) for one in before.keys() | now.keys())
        query = "SELECT from_segment, to_segment, customers FROM ml.segment_moves WHERE day = %s"
        assert {(a, b): count for a, b, count in connection.execute(query, [when]).fetchall()} == dict(flows)
        assert sum(count for (_, to), count in flows.items() if to) == len(now)
        before = now
    days = connection.execute("SELECT DISTINCT day FROM ml.segment_moves ORDER BY 1").fetchall()
    assert [one for (one,) in days] == sorted(one for one in recorded if one <= live)
