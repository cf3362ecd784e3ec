"""Lists of some customers take the place of theirs in the live release, whole, and the past stays as it was."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import polars as pl
import psycopg
import pytest

from ml_assets.books.erased import note_erased
from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets.erasure.database import count_rows, delete_rows
from ml_assets.releases.pointer import roll_back, unpin
from ml_assets.releases.rescore import undo_rescorings
from ml_assets_tests.refused import refused
from ml_assets_tests.releases.frames import UNJUDGED, drops, recommendations, release
from ml_assets_tests.releases.rescored import rescore, shown, shown_at

OLD, NEW = [11, 12], [14, 13]
BOTH = ("discover", "for_you")


def now(connection: ServingConnection) -> datetime:
    return one(connection, "SELECT clock_timestamp()")  # type: ignore[no-any-return]


def lists(**of_customers: list[int]) -> dict[tuple[int, str], list[int]]:
    return {(int(name[1:]), placement): items for name, items in of_customers.items() for placement in BOTH}


def test_readers_see_the_new_lists_of_these_customers_and_the_others_as_they_were(
    connection: ServingConnection,
) -> None:
    made = release(connection, recommendations())
    done = rescore(connection, made.release_id)
    assert (done.state, done.lists) == ("shown", 2)
    assert shown(connection) == lists(c1=NEW, c2=OLD, c3=OLD)
    ages: dict[int, bool] = dict(
        connection.execute(
            "SELECT customer_id, predicted_at = (SELECT predicted_at FROM ml_meta.releases) FROM ml.recommendations"
        ).fetchall()
    )
    assert ages == {1: False, 2: True, 3: True}
    best = (
        "SELECT item_id, predicted_at > (SELECT predicted_at FROM ml_meta.releases) FROM ml.recommend(1, 'for_you', 1)"
    )
    assert connection.execute(best).fetchall() == [(14, True)]
    book = "SELECT state, release_id, customers, lists, events, rescored_at IS NOT NULL FROM ml.rescorings"
    assert connection.execute(book).fetchall() == [("shown", made.release_id, 1, 2, 1, True)]
    assert connection.execute("SELECT customer_id, known FROM ml_store.rescored_customers").fetchall() == [(1, 0)]


def test_every_moment_of_the_past_has_the_lists_that_were_shown_then(connection: ServingConnection) -> None:
    made = release(connection, recommendations())
    at_night = now(connection)
    rescore(connection, made.release_id, [1, 9])
    at_noon = now(connection)
    rescore(connection, made.release_id, [1], [12, 14, 11, 13])
    in_the_evening = now(connection)
    assert shown_at(connection, at_night) == lists(c1=OLD, c2=OLD, c3=OLD)
    assert shown_at(connection, at_noon) == lists(c1=NEW, c2=OLD, c3=OLD, c9=NEW)
    assert shown_at(connection, in_the_evening) == shown(connection) == lists(c1=[12, 14], c2=OLD, c3=OLD, c9=NEW)
    release(connection, recommendations(items=(13, 11, 12, 14)), day=1)
    assert shown_at(connection, at_noon) == lists(c1=NEW, c2=OLD, c3=OLD, c9=NEW)
    assert shown_at(connection, in_the_evening) == lists(c1=[12, 14], c2=OLD, c3=OLD, c9=NEW)
    assert shown(connection) == lists(c1=[13, 11], c2=[13, 11], c3=[13, 11])


def test_a_clock_that_was_set_back_after_the_release_gives_no_moment_both_lists(connection: ServingConnection) -> None:
    made = release(connection, recommendations())
    before = now(connection)
    connection.execute("UPDATE ml_meta.releases SET predicted_at = predicted_at + interval '1 hour'")
    rescore(connection, made.release_id)
    assert shown_at(connection, before) == lists(c1=OLD, c2=OLD, c3=OLD)
    assert shown_at(connection, now(connection) + timedelta(hours=2)) == lists(c1=NEW, c2=OLD, c3=OLD)


def test_lists_are_judged_as_they_were_published_and_a_person_is_told_all(connection: ServingConnection) -> None:
    made = release(connection, recommendations())
    rescore(connection, made.release_id, [1, 9])
    rescore(connection, made.release_id, [1], [12, 14, 11, 13])
    judged = connection.execute(
        "SELECT customer_id, placement, item_ids[:2] FROM ml_meta.published_recommendations"
    ).fetchall()
    assert {(customer, placement): items for customer, placement, items in judged} == lists(c1=OLD, c2=OLD, c3=OLD)
    told = connection.execute(
        "SELECT item_id, predicted_at, replaced_at FROM ml.replaced_recommendations "
        "WHERE customer_id = 1 AND placement = 'for_you' AND rank = 1 ORDER BY 2"
    ).fetchall()
    assert [item for item, *_ in told] == [OLD[0], NEW[0]]
    assert told[0][2] == told[1][1]


def test_a_customer_without_lists_now_has_them_back_when_it_is_undone(connection: ServingConnection) -> None:
    made = release(connection, recommendations())
    nobody = recommendations().clear()
    before = now(connection)
    rescore(
        connection,
        made.release_id,
        customers=[1, 2],
        lists=nobody,
        known=pl.DataFrame({"customer_id": [1], "known": [1]}),
    )
    assert shown(connection) == lists(c3=OLD)
    undone = undo_rescorings(connection, "recommendations", reason="empty lists")
    assert (undone.release_id, undone.customers) == (made.release_id, 2)
    assert shown(connection) == shown_at(connection, before) == lists(c1=OLD, c2=OLD, c3=OLD)


def test_undoing_shows_what_was_published_pins_it_and_keeps_the_past(connection: ServingConnection) -> None:
    made = release(connection, recommendations())
    rescore(connection, made.release_id, [1, 9])
    at_noon = now(connection)
    undo_rescorings(connection, "recommendations", reason="a broken till")
    assert shown(connection) == shown_at(connection, now(connection)) == lists(c1=OLD, c2=OLD, c3=OLD)
    assert shown_at(connection, at_noon) == lists(c1=NEW, c2=OLD, c3=OLD, c9=NEW)
    assert connection.execute("SELECT state, reason FROM ml.rescorings").fetchall() == [("undone", "a broken till")]
    assert rescore(connection, made.release_id).state == "moved"
    unpin(connection, "recommendations")
    assert rescore(connection, made.release_id).state == "shown"
    assert shown(connection) == lists(c1=NEW, c2=OLD, c3=OLD)
    judged = "SELECT count(*) FROM ml_meta.published_recommendations WHERE item_ids[:2] = ARRAY[11, 12]::bigint[]"
    assert connection.execute(judged).fetchone() == (6,)
    with refused("release.refused", "earlier release"):
        undo_rescorings(connection, "popular_items", reason="x")


def test_nothing_is_undone_where_nothing_was_made_anew(connection: ServingConnection) -> None:
    release(connection, recommendations())
    with refused("release.refused", "No list of the live release"):
        undo_rescorings(connection, "recommendations", reason="x")


def test_a_roll_back_goes_to_the_day_before_and_back_to_the_newest_lists(connection: ServingConnection) -> None:
    release(connection, recommendations(items=(13, 11, 12, 14)))
    made = release(connection, recommendations(), day=1)
    rescore(connection, made.release_id)
    roll_back(connection, "recommendations", to=None, reason="x")
    assert shown(connection) == lists(c1=[13, 11], c2=[13, 11], c3=[13, 11])
    assert rescore(connection, made.release_id).state == "moved"
    unpin(connection, "recommendations")
    assert shown(connection) == lists(c1=NEW, c2=OLD, c3=OLD)


def test_lists_for_a_release_that_is_not_live_any_more_change_nothing(connection: ServingConnection) -> None:
    old = release(connection, recommendations())
    release(connection, recommendations(), day=1)
    assert rescore(connection, old.release_id).state == "moved"
    assert connection.execute("SELECT count(*) FROM ml.rescorings").fetchone() == (0,)


def test_words_that_the_release_does_not_know_leave_its_own_as_they_are(connection: ServingConnection) -> None:
    made = release(connection, recommendations())
    words = recommendations([1]).with_columns(
        sources=pl.lit(["neighbours", "personal", "popular", "popular"]),
        reason_codes=pl.lit(["a_new_reason", "popular", "popular", "popular"]),
    )
    rescore(connection, made.release_id, lists=words)
    told = (
        "SELECT customer_id, source, reason_code FROM ml.recommendations WHERE placement = 'for_you' ORDER BY 1, rank"
    )
    found = connection.execute(told).fetchall()
    old = [("personal", "because_you_bought"), ("popular", "popular")]
    expected = {1: [("neighbours", "a_new_reason"), ("personal", "popular")], 2: old, 3: old}
    assert found == [(customer, *pair) for customer, pairs in expected.items() for pair in pairs]


def test_lists_that_fail_a_gate_change_nothing_and_the_refusal_is_noted(connection: ServingConnection) -> None:
    made = release(connection, recommendations(range(1, 201)))
    judging = UNJUDGED.model_copy(update={"judge_from": 100, "most_rescored": 0.25})
    done = rescore(connection, made.release_id, range(1, 101), gates=judging)
    assert (done.state, done.lists) == ("refused", 0)
    assert "50% of the customers" in (done.reason or "")
    twice = rescore(connection, made.release_id, lists=pl.concat([recommendations([1])] * 2))
    assert twice.state == "refused"
    assert "2 rows repeat" in (twice.reason or "")
    assert set(map(tuple, shown(connection).values())) == {tuple(OLD)}
    book = connection.execute("SELECT state, rescored_at, lists FROM ml.rescorings").fetchall()
    assert book == [("refused", None, 0)] * 2
    assert connection.execute("SELECT count(*) FROM ml_store.rescored_customers").fetchone() == (0,)


def test_an_erased_person_is_nowhere_and_gets_no_new_list(connection: ServingConnection) -> None:
    made = release(connection, recommendations())
    rescore(connection, made.release_id, [1, 2])
    note_erased(connection, 1)
    removed = delete_rows(connection, 1)
    assert {"replaced_recommendations", "rescored_customers", "recommendations"} <= set(removed)
    assert rescore(connection, made.release_id, [1, 2]).lists == 2
    assert count_rows(connection, 1) == {}
    assert shown(connection) == lists(c2=NEW, c3=OLD)


def test_undoing_brings_back_nobody_of_whom_an_erasure_has_not_yet_found_all(connection: ServingConnection) -> None:
    made = release(connection, recommendations())
    rescore(connection, made.release_id, [1, 2])
    note_erased(connection, 1)
    connection.execute("DELETE FROM ml_store.recommendations WHERE customer_id = 1")
    assert undo_rescorings(connection, "recommendations", reason="x").customers == 1
    assert shown(connection) == lists(c2=OLD, c3=OLD)


def test_who_opted_out_is_in_no_past(connection: ServingConnection) -> None:
    made = release(connection, recommendations())
    at_night = now(connection)
    rescore(connection, made.release_id)
    connection.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (1)")
    assert shown_at(connection, at_night) == lists(c2=OLD, c3=OLD)
    assert shown(connection, "replaced_recommendations") == {}


def test_what_was_replaced_goes_with_its_release_and_so_does_what_is_known_of_it(connection: ServingConnection) -> None:
    made = release(connection, recommendations(), keep=2)
    rescore(connection, made.release_id)
    for day in (1, 2):
        release(connection, recommendations(), day=day, keep=2)
    assert drops(connection, "recommendations", 1, grace=timedelta(0))
    for table in ("replaced_recommendations", "rescored_customers"):
        assert connection.execute(f"SELECT count(*) FROM ml_store.{table}").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM ml.rescorings").fetchone() == (0,)


def test_a_crash_before_the_end_leaves_nothing(connection: ServingConnection) -> None:
    made = release(connection, recommendations())
    begin = f"SELECT ml_meta.begin_rescoring({made.release_id})"
    with pytest.raises(psycopg.errors.RaiseException):
        connection.execute(f"DO $$ BEGIN PERFORM {begin.removeprefix('SELECT ')}; RAISE EXCEPTION 'killed'; END $$")
    assert connection.execute("SELECT to_regclass('ml_store.rescored_recommendations')").fetchone() == (None,)
    assert rescore(connection, made.release_id).state == "shown"


def test_readers_see_all_new_lists_or_none(connection: ServingConnection, postgres_url: str) -> None:
    people = range(1, 301)
    made = release(connection, recommendations(people))
    ready = Barrier(2)

    def read() -> set[tuple[int, ...]]:
        seen = set()
        with ServingConnection.open(postgres_url, Schemas()) as reader:
            query = "SELECT count(*) FILTER (WHERE item_id = 14) FROM ml.recommendations WHERE rank = 1"
            ready.wait()
            for _ in range(60):
                seen.add(reader.execute(query).fetchone())
        return seen  # type: ignore[return-value]

    with ThreadPoolExecutor(1) as pool:
        seen = pool.submit(read)
        ready.wait()
        for _ in range(5):
            rescore(connection, made.release_id, people)
            undo = "SELECT ml_meta.undo_rescorings(%s, 'x')"
            connection.execute(undo, [made.release_id])
    assert seen.result() <= {(0,), (600,)}


def test_lists_are_shown_with_ids_of_text(text_connection: ServingConnection) -> None:
    made = release(text_connection, recommendations(["a", "b"], ["x", "y", "z", "q"]))
    rescore(text_connection, made.release_id, ["a"], ["q", "z", "y", "x"])
    first = {key: items[0] for key, items in shown(text_connection).items() if key[1] == "for_you"}
    assert first == {("a", "for_you"): "q", ("b", "for_you"): "x"}
