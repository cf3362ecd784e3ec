"""What customers of an arm read from ml.recommend."""

from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.entrants import enter_customers, live_arms, serve_what_is_ready
from ml_assets.experiments.register import start, stop, sync_hold_out
from ml_assets.releases.pointer import roll_back
from ml_assets.settings.experiments import ExperimentSettings
from ml_assets_tests.releases.frames import (
    arm_recommendations,
    assignments,
    popular_items,
    recommendations,
    release,
    segments,
)

CUSTOMERS = range(1, 101)


@pytest.fixture
def shop(connection: ServingConnection) -> ServingConnection:
    release(connection, recommendations(CUSTOMERS))
    release(connection, popular_items([21, 22, 23]), "popular_items")
    return connection


def lists(connection: ServingConnection, customers: str = "generate_series(1, 100)") -> dict[int, list[int]]:
    query = f"""
        SELECT n, ARRAY(SELECT item_id FROM ml.recommend(n, 'for_you') ORDER BY rank) FROM {customers} AS n
    """
    return dict(connection.execute(query.encode()).fetchall())


def arms(connection: ServingConnection, name: str) -> dict[int, str | None]:
    query = "SELECT n, ml.assign_arm(%s, n) FROM generate_series(1, 100) AS n"
    return dict(connection.execute(query, [name]).fetchall())


def test_each_arm_sees_its_list_as_long_as_the_experiment_runs(shop: ServingConnection) -> None:
    shares: dict[str, Any] = {
        "lists": {"share": 0.4},
        "nothing": {"share": 0.3, "list": "none"},
        "alike": {"share": 0.3, "list": "popular"},
    }
    before = lists(shop)
    assert set(map(tuple, before.values())) == {(11, 12)}
    start(shop, "worth", ExperimentSettings(placement="for_you", arms=shares, traffic=0.8), ZoneInfo("UTC"))
    shown = {None: [11, 12], "lists": [11, 12], "nothing": [], "alike": [21, 22]}
    drawn = arms(shop, "worth")
    assert set(drawn.values()) == set(shown)
    assert lists(shop) == {customer: shown[arm] for customer, arm in drawn.items()}
    other = "SELECT count(*) FROM generate_series(1, 100) AS n, ml.recommend(n, 'discover')"
    assert shop.execute(other).fetchone() == (200,)
    # Who wants nothing personal is in no arm, and sees what is popular.
    shop.execute("INSERT INTO ml_meta.opt_outs SELECT n FROM generate_series(1, 100) AS n")
    assert set(map(tuple, lists(shop).values())) == {(21, 22)}
    shop.execute("DELETE FROM ml_meta.opt_outs")
    stop(shop, "worth", "enough")
    assert lists(shop) == before


def test_who_is_held_out_sees_no_list_strangers_neither(shop: ServingConnection) -> None:
    sync_hold_out(shop, 0.3)
    everybody = "generate_series(1, 300)"
    held = {n for (n,) in shop.execute(f"SELECT n FROM {everybody} AS n WHERE ml.is_held_out(n)".encode())}
    assert min(held) <= 100 < max(held)
    assert {customer for customer, items in lists(shop, everybody).items() if not items} == held


def test_what_is_read_is_what_assign_arm_says_with_a_hold_out_and_two_experiments_of_which_one_is_for_some(
    shop: ServingConnection,
) -> None:
    keys = ["loyal" if customer <= 50 else "dormant" for customer in CUSTOMERS]
    release(shop, assignments(keys), "segment_assignments", segments=segments())
    sync_hold_out(shop, 0.2)
    for name, seen, more in (("some", "popular", {"segment": "loyal"}), ("all", "none", {})):
        shares: dict[str, Any] = {"lists": {"share": 0.5}, "other": {"share": 0.5, "list": seen}}
        asked = ExperimentSettings(placement="for_you", arms=shares, traffic=0.5, **more)
        start(shop, name, asked, ZoneInfo("UTC"))
    enter_customers(shop, None)
    held = "SELECT n FROM generate_series(1, 100) AS n WHERE ml.is_held_out(n)"
    without = {n for (n,) in shop.execute(held)}
    some, everybody = arms(shop, "some"), arms(shop, "all")
    shown = {
        n: [] if n in without or everybody[n] == "other" else [21, 22] if some[n] == "other" else [11, 12]
        for n in CUSTOMERS
    }
    assert {len(without) > 5, "other" in some.values(), "other" in everybody.values()} == {True}
    assert {some[n] for n in range(51, 101)} == {None}
    assert lists(shop) == shown
    assert set(map(tuple, shown.values())) == {(), (11, 12), (21, 22)}


def test_an_arm_with_a_list_of_its_own_waits_until_it_is_live_and_follows_its_releases(shop: ServingConnection) -> None:
    shares: dict[str, Any] = {"lists": {"share": 0.5}, "other": {"share": 0.5, "list": "method:personal_frequency"}}
    start(shop, "worth", ExperimentSettings(placement="for_you", arms=shares), ZoneInfo("UTC"))
    assert set(arms(shop, "worth").values()) == {None}
    assert serve_what_is_ready(shop) == []
    release(shop, arm_recommendations(CUSTOMERS), "arm_recommendations")
    assert live_arms(shop) == {"worth.other"}
    assert serve_what_is_ready(shop) == ["worth"]
    drawn = arms(shop, "worth")
    own = {"lists": [11, 12], "other": [14, 13]}
    assert lists(shop) == {customer: own[str(arm)] for customer, arm in drawn.items()}
    # Rules are those of the list that it stands for.
    shop.execute("INSERT INTO ml_meta.rules (kind, item_id, placement) VALUES ('ban', 14, 'for_you')")
    other = next(customer for customer, arm in drawn.items() if arm == "other")
    assert lists(shop)[other] == [13, 12]
    shop.execute("DELETE FROM ml_meta.rules")
    shown = "SELECT model_version, is_stale, data_as_of FROM ml.recommend(%s) WHERE rank = 1"
    before = shop.execute(shown, [other]).fetchone()
    flipped = arm_recommendations(CUSTOMERS).with_columns(pl.col("item_ids").list.reverse())
    release(shop, flipped, "arm_recommendations", day=1, model_version="m-2")
    moment = shop.execute("SELECT moved_at - interval '1 microsecond' FROM ml_meta.live WHERE subject LIKE 'arm%'")
    assert lists(shop)[other] == [11, 12]
    then = "SELECT experiment, arm, rank, item_id FROM ml.arm_recommendations_as_of(%s) WHERE customer_id = %s"
    asked = [*(moment.fetchone() or ()), other]
    rows = shop.execute(f"{then} AND placement = 'for_you' ORDER BY rank".encode(), asked).fetchall()
    assert rows == [("worth", "other", 1, 14), ("worth", "other", 2, 13)]
    roll_back(shop, "arm_recommendations", to=None, reason="worse")
    assert lists(shop)[other] == [14, 13]
    assert shop.execute(shown, [other]).fetchone() == before
    stop(shop, "worth", "enough")
    assert set(map(tuple, lists(shop).values())) == {(11, 12)}
