"""A release goes live whole, or not at all."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import polars as pl
import psycopg
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets.errors import UserError
from ml_assets_tests.releases.frames import (
    MONDAY,
    assignments,
    items,
    popular_items,
    recommendations,
    release,
    segments,
    similar_items,
)


def rows(connection: ServingConnection, query: str) -> list[Any]:
    return connection.execute(query).fetchall()


def test_lists_are_shown_from_one_to_k_with_their_reasons(connection: ServingConnection) -> None:
    published = release(connection, recommendations(), items=items())
    query = (
        "SELECT rank, item_id, score, source, reason_code, reason_items, reason_text, data_as_of, model_version, "
        "release_id FROM ml.recommendations WHERE customer_id = 2 AND placement = 'for_you' ORDER BY rank"
    )
    tail = (MONDAY, "m-1", published.release_id)
    assert rows(connection, query) == [
        (1, 11, 4.0, "personal", "because_you_bought", [14, 13], "Because you bought Tea and 13", *tail),
        (2, 12, 3.0, "popular", "popular", [], "Popular right now", *tail),
    ]
    assert (published.state, published.rows, published.reason) == ("live", 6, None)


def test_the_other_subjects_are_shown_too(connection: ServingConnection) -> None:
    release(connection, assignments(), "segment_assignments", segments=segments())
    release(connection, similar_items(), "similar_items", k=1)
    release(connection, popular_items(), "popular_items")
    named = "SELECT customer_id, segment_key, segment_name FROM ml.segment_assignments ORDER BY 1"
    assert rows(connection, named) == [(1, "loyal", "Loyal"), (2, "dormant", "Dormant"), (3, "loyal", "Loyal")]
    assert rows(connection, "SELECT segment_key, median_tenure_days, data_as_of FROM ml.segments ORDER BY 1") == [
        ("dormant", 1.5, MONDAY),
        ("loyal", 1.5, MONDAY),
    ]
    assert rows(connection, "SELECT item_id, rank, similar_item_id FROM ml.similar_items ORDER BY 1") == [
        (11, 1, 12),
        (12, 1, 11),
    ]
    assert rows(connection, "SELECT rank, item_id FROM ml.popular_items WHERE scope = 'dairy' ORDER BY 1") == [
        (1, 11),
        (2, 12),
    ]


def test_segments_carry_the_value_of_their_customers(connection: ServingConnection) -> None:
    value = {"alive_probability": [0.25, 0.0, 1.0], "expected_spend_90d": [12.5, 0.0, 3.75]}
    profiles = segments().with_columns(
        mean_alive_probability=0.5, mean_expected_spend_90d=pl.Series([8.125, None]), total_expected_spend_90d=16.25
    )
    release(connection, assignments().with_columns(**{k: pl.Series(v) for k, v in value.items()}),
            "segment_assignments", segments=profiles)  # fmt: skip
    expected = [(1, 0.25, 12.5), (2, 0.0, 0.0), (3, 1.0, 3.75)]
    for view in ("segment_assignments", "past_segment_assignments"):
        query = f"SELECT customer_id, alive_probability, expected_spend_90d FROM ml.{view} ORDER BY 1"
        assert rows(connection, query) == expected
    means = "segment_key, mean_alive_probability, mean_expected_spend_90d, total_expected_spend_90d"
    assert rows(connection, f"SELECT {means} FROM ml.segments ORDER BY 1") == [
        ("dormant", 0.5, None, 16.25),
        ("loyal", 0.5, 8.125, 16.25),
    ]


def test_segments_without_the_value_of_customers_have_none(connection: ServingConnection) -> None:
    release(connection, assignments(), "segment_assignments", segments=segments())
    query = "SELECT DISTINCT alive_probability, expected_spend_90d FROM ml.segment_assignments"
    assert rows(connection, query) == [(None, None)]
    assert rows(connection, "SELECT DISTINCT total_expected_spend_90d FROM ml.segments") == [(None,)]


STRANGE = ["'; DROP SCHEMA ml; --", 'a"b', "back\\slash", "new\nline", "{item}", "%s", "ü😀", "\t,NULL", "\\N", " "]


def test_text_ids_may_hold_anything(text_connection: ServingConnection) -> None:
    names = pl.DataFrame({"item_id": STRANGE, "item_name": STRANGE, "category": [None, *STRANGE[1:]]})
    release(text_connection, recommendations(STRANGE, STRANGE), items=names, k=50)
    found = rows(text_connection, "SELECT customer_id, item_id, reason_text FROM x_ml.recommendations ORDER BY rank")
    assert {customer for customer, _, _ in found} == set(STRANGE)
    assert [item for customer, item, _ in found if customer == 'a"b'][::2] == STRANGE
    assert "Because you bought   and \\N" in {text for _, _, text in found}


def test_a_zero_byte_in_an_id_is_explained(text_connection: ServingConnection) -> None:
    with pytest.raises(UserError, match="PostgreSQL cannot store"):
        release(text_connection, recommendations(["a\0b"], ["i", "j"]))
    assert rows(text_connection, "SELECT * FROM x_ml.releases") == []


def test_an_older_day_never_takes_over(connection: ServingConnection) -> None:
    new = release(connection, recommendations(), day=3)
    old = release(connection, recommendations([1, 2]), day=1)
    assert (new.state, old.state) == ("live", "ready")
    assert rows(connection, "SELECT DISTINCT release_id FROM ml.recommendations") == [(new.release_id,)]


def test_the_same_day_again_replaces_that_day(connection: ServingConnection) -> None:
    first = release(connection, recommendations([1, 2]))
    second = release(connection, recommendations([1, 2, 3]))
    assert rows(connection, "SELECT release_id, state FROM ml.releases ORDER BY 1") == [
        (first.release_id, "retired"),
        (second.release_id, "live"),
    ]
    assert rows(connection, "SELECT count(*) FROM ml.recommendations") == [(12,)]


def test_an_older_day_again_replaces_that_day_and_not_the_live_one(connection: ServingConnection) -> None:
    states = [release(connection, recommendations(), day=day).state for day in (3, 1, 1)]
    assert states == ["live", "ready", "ready"]
    kept = rows(connection, "SELECT state FROM ml.releases ORDER BY release_id")
    assert kept == [("live",), ("retired",), ("ready",)]


def test_the_same_rows_have_the_same_checksum(connection: ServingConnection) -> None:
    first = release(connection, recommendations([3, 1, 2]))
    assert release(connection, recommendations([1, 2, 3])).checksum == first.checksum
    assert release(connection, recommendations([1, 2, 4])).checksum != first.checksum


def test_the_history_says_what_was_live_when(connection: ServingConnection) -> None:
    first, second = (release(connection, recommendations(), day=day).release_id for day in (0, 1))
    history = rows(connection, "SELECT release_id, live_from, live_until FROM ml_meta.live_history ORDER BY live_from")
    assert [row[0] for row in history] == [first, second]
    assert history[0][2] == history[1][1]
    assert history[1][2] is None


def test_names_follow_the_newest_publication(connection: ServingConnection) -> None:
    release(connection, recommendations(), items=items())
    renamed = items().with_columns(item_name=pl.lit("Oolong"))
    release(connection, recommendations(), day=1, items=renamed)
    assert rows(connection, "SELECT DISTINCT item_name FROM ml_store.items") == [("Oolong",)]


def test_frames_that_cannot_be_stored_name_the_column(connection: ServingConnection) -> None:
    with pytest.raises(UserError, match="recommendations has no column scores"):
        release(connection, recommendations().drop("scores"))
    with pytest.raises(UserError, match=r"ids in recommendations.customer_id are text"):
        release(connection, recommendations(["a"]))
    with pytest.raises(UserError, match=r"recommendations.customer_id has 2 nulls"):
        release(connection, recommendations([1, None]))


def test_a_lookup_has_one_partition_in_its_plan_and_reads_it_through_its_index(connection: ServingConnection) -> None:
    for day in range(3):
        last = release(connection, recommendations(range(2000)), day=day)
    lookup = "SELECT * FROM ml.recommendations WHERE customer_id = 7 AND placement = 'for_you'"
    nodes = _nodes(rows(connection, f"EXPLAIN (FORMAT json) {lookup}")[0][0][0]["Plan"])
    scans = [node for node in nodes if "recommendations_" in node.get("Relation Name", "")]
    assert [node["Relation Name"] for node in scans] == [f"recommendations_{last.release_id}"]
    assert "Index" in scans[0]["Node Type"]


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", []) for node in _nodes(part))]


def test_a_join_on_customers_uses_the_index(connection: ServingConnection) -> None:
    release(connection, recommendations(range(2000)))
    connection.execute("CREATE TEMP TABLE mailing AS VALUES (7::bigint), (8); ANALYZE mailing")
    query = "EXPLAIN SELECT r.item_id FROM mailing m JOIN ml.recommendations r ON r.customer_id = m.column1"
    plan = "\n".join(row[0] for row in rows(connection, query))
    assert "Index Cond: (customer_id = m.column1)" in plan


KILLED = """
import os, signal, sys
import polars as pl
import psycopg
from ml_assets.releases import partition
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets_tests.releases.frames import recommendations, release

def half(columns, chunk_bytes):
    chunks = encode(columns, 10_000)
    for _ in range(5):
        yield next(chunks)
    os.kill(os.getpid(), signal.SIGKILL)

encode, partition.encode = partition.encode, half
release(ServingConnection.open(sys.argv[1], Schemas()), recommendations(range(2000)), day=1)
"""


def test_a_publisher_killed_while_loading_leaves_nothing(connection: ServingConnection, postgres_url: str) -> None:
    live = release(connection, recommendations())
    tables = "SELECT relname FROM pg_class WHERE relnamespace = 'ml_store'::regnamespace ORDER BY 1"
    before = rows(connection, tables)
    killed = subprocess.run([sys.executable, "-c", KILLED, postgres_url], check=False, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    # Waits for the lock of the killed publisher, if the server still holds it.
    after = release(connection, recommendations(), day=-1)
    known = rows(connection, "SELECT release_id FROM ml.releases ORDER BY 1")
    assert known == [(live.release_id,), (after.release_id,)]
    assert rows(connection, "SELECT DISTINCT release_id FROM ml.recommendations") == [(live.release_id,)]
    added = {row[0] for row in rows(connection, tables)} - {row[0] for row in before}
    assert all(name.startswith(f"recommendations_{after.release_id}") for name in added)


def test_publishing_inside_an_open_transaction_is_refused(connection: ServingConnection) -> None:
    with connection.transaction(), pytest.raises(RuntimeError, match="its own transaction"):
        release(connection, recommendations())


def test_a_row_is_stale_when_its_day_is_older_than_the_policy(connection: ServingConnection) -> None:
    release(connection, recommendations())
    policy = "INSERT INTO ml_meta.freshness_policies VALUES ('recommendations', 'predictions', '1 hour', %s)"
    stale = "SELECT DISTINCT is_stale FROM ml.recommendations"
    assert rows(connection, stale) == [(False,)]
    connection.execute(policy, [timedelta(days=1)])
    assert rows(connection, stale) == [(True,)]
    connection.execute("UPDATE ml_meta.freshness_policies SET error_after = '1000 years'")
    assert rows(connection, stale) == [(False,)]


def test_a_connection_lost_between_two_publications_is_told_as_such(
    connection: ServingConnection, postgres_url: str
) -> None:
    with ServingConnection.open(postgres_url, Schemas()) as lost:
        release(lost, recommendations())
        connection.execute("SELECT pg_terminate_backend(%s)", [lost.info.backend_pid])
        for _ in range(2):
            with pytest.raises(psycopg.OperationalError):
                release(lost, recommendations(), day=1)
    assert release(connection, recommendations(), day=1).state == "live"
