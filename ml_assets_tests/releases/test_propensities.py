"""How likely each item was to be shown: published with the lists that explore, and readable in SQL."""

from typing import Any

import polars as pl
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets_tests.releases.frames import recommendations, release

PROPENSITIES = [1.0, 0.75, 0.125, 0.125]


def explored(*lists: Any) -> pl.DataFrame:
    """Lists of one customer after another: for_you, discover."""
    frame = recommendations(range(1, len(lists) // 2 + 1))
    return frame.with_columns(pl.Series("propensities", lists, dtype=pl.List(pl.Float32)))


def shown(connection: ServingConnection, release_id: int, placement: str = "for_you", *, arm: bool = False) -> Any:
    query = f"""
        SELECT item_id, propensity FROM ml.{"past_arm_recommendations" if arm else "past_recommendations"}
        WHERE customer_id = 1 AND placement = %s AND release_id = %s ORDER BY rank
    """
    return connection.execute(query.encode(), [placement, release_id]).fetchall()


def test_lists_say_how_likely_they_were_and_others_nothing(connection: ServingConnection) -> None:
    made = release(connection, explored(PROPENSITIES, []))
    assert made.state == "live"
    later = release(connection, recommendations(), day=1)
    assert shown(connection, made.release_id) == [(11, 1.0), (12, 0.75)]
    assert shown(connection, made.release_id, "discover") == [(11, None), (12, None)]
    assert shown(connection, later.release_id) == [(11, None), (12, None)]


def test_a_propensity_stays_with_its_item_where_hidden_items_move_the_ranks(connection: ServingConnection) -> None:
    made = release(connection, explored(PROPENSITIES, PROPENSITIES))
    connection.execute("INSERT INTO ml_meta.rules (kind, item_id) VALUES ('unavailable', 11)")
    ranks = "SELECT item_id, rank FROM ml.recommendations WHERE customer_id = 1 AND placement = 'for_you'"
    assert sorted(connection.execute(ranks).fetchall()) == [(12, 1), (13, 2)]
    assert shown(connection, made.release_id) == [(11, 1.0), (12, 0.75)]


def test_the_lists_of_an_arm_say_it_too(connection: ServingConnection) -> None:
    frame = explored(PROPENSITIES, []).with_columns(arm=pl.lit("worth.other"))
    made = release(connection, frame, "arm_recommendations")
    assert made.state == "live"
    assert shown(connection, made.release_id, arm=True) == [(11, 1.0), (12, 0.75)]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([1.0, 0.5], "1 rows have lists of different lengths"),
        ([1.0, 0.5, 1.5, 0.1], "1 values of propensities are no probabilities"),
        ([1.0, -0.5, None, 0.1], "2 values of propensities are no probabilities"),
        ([1.0, float("nan"), 0.1, 0.1], "1 values of propensities are no probabilities"),
    ],
)
def test_what_is_no_propensity_holds_the_release_back(connection: ServingConnection, wrong: Any, sentence: str) -> None:
    blocked = release(connection, explored(wrong, PROPENSITIES))
    assert blocked.state == "blocked"
    assert blocked.reason is not None
    assert sentence in blocked.reason
