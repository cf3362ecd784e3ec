"""A release that fails a gate is kept and explained, and yesterday's stays live."""

import math
from typing import Any

import polars as pl
import pytest

from ml_assets.serving.connection import ServingConnection
from ml_assets.settings.serving import GateSettings
from ml_assets_tests.serving.frames import assignments, recommendations, release, segments


def changed(column: str, value: Any) -> pl.DataFrame:
    """The usual frame with another value in the first row."""
    frame = recommendations()
    values = [value, *frame[column].to_list()[1:]]
    return frame.with_columns(pl.Series(column, values, dtype=frame.schema[column]))


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (recommendations().clear(), "recommendations has no rows."),
        (pl.concat([recommendations(), recommendations([2])]), "2 rows repeat the customer_id and placement"),
        (changed("scores", [1.0, 2.0]), "1 rows have lists of different lengths"),
        (changed("reason_items", None), "1 rows have lists of different lengths"),
        (changed("scores", [4.0, math.nan, 2.0, 1.0]), "1 scores are missing, not a number or infinite"),
        (changed("scores", [4.0, math.inf, None, 1.0]), "2 scores are missing, not a number or infinite"),
        (changed("item_ids", [11, 12, 12, 13]), "1 lists name an item twice or have a gap"),
        (changed("item_ids", [11, None, 12, 13]), "1 lists name an item twice or have a gap"),
        (recommendations([1]), "covers 1 values of customer_id, the live release 3: less than 50%"),
    ],
)
def test_a_bad_release_is_blocked_with_a_sentence(
    connection: ServingConnection, frame: pl.DataFrame, sentence: str
) -> None:
    live = release(connection, recommendations())
    blocked = release(connection, frame, day=1)
    assert blocked.state == "blocked"
    assert sentence in (blocked.reason or "")
    shown = connection.execute("SELECT DISTINCT release_id FROM ml.recommendations").fetchall()
    assert shown == [(live.release_id,)]
    kept = "SELECT state, reason, rows FROM ml.releases WHERE release_id = %s"
    assert connection.execute(kept, [blocked.release_id]).fetchone() == ("blocked", blocked.reason, frame.height)


def test_a_good_release_after_a_blocked_one_of_the_same_day_goes_live(connection: ServingConnection) -> None:
    release(connection, recommendations())
    release(connection, recommendations([1]), day=1)
    assert release(connection, recommendations(), day=1).state == "live"
    states = connection.execute("SELECT state FROM ml.releases ORDER BY release_id").fetchall()
    assert states == [("ready",), ("retired",), ("live",)]


def test_a_blocked_release_of_the_live_day_leaves_it_live(connection: ServingConnection) -> None:
    live = release(connection, recommendations())
    assert release(connection, recommendations([1])).state == "blocked"
    assert connection.execute("SELECT release_id FROM ml_meta.live").fetchall() == [(live.release_id,)]


@pytest.mark.parametrize(
    ("keys", "described", "sentence"),
    [
        (["loyal"] * 99 + ["dormant"], ("loyal", "dormant"), "The segment loyal holds 99% of the customers."),
        (["loyal", "new"], ("loyal",), "Customers are in segments without a profile: new."),
    ],
)
def test_segments_are_judged(
    connection: ServingConnection, keys: list[str], described: list[str], sentence: str
) -> None:
    blocked = release(
        connection, assignments(keys), "segment_assignments", segments=segments(described), gates=GateSettings()
    )
    assert (blocked.state, blocked.reason) == ("blocked", sentence)


def test_a_segment_that_emptied_since_training_is_no_fault(connection: ServingConnection) -> None:
    published = release(connection, assignments(["loyal"]), "segment_assignments", segments=segments(["loyal", "new"]))
    assert published.state == "live"


def test_a_tiny_shop_may_have_one_segment(connection: ServingConnection) -> None:
    frame = assignments(["active"] * 5)
    assert release(connection, frame, "segment_assignments", segments=segments(["active"])).state == "live"


def test_a_backfilled_day_is_not_held_against_the_larger_shop_of_today(connection: ServingConnection) -> None:
    assert release(connection, recommendations()).state == "live"
    earlier = release(connection, recommendations([1]), day=-1)
    assert (earlier.state, earlier.reason) == ("ready", None)


def test_a_shop_too_small_for_similar_items_is_not_blocked_for_ever(connection: ServingConnection) -> None:
    nothing = pl.DataFrame(schema={"item_id": pl.Int64, "item_ids": pl.List(pl.Int64), "scores": pl.List(pl.Float32)})
    assert release(connection, nothing, "similar_items").state == "live"
