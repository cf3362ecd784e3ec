"""An arm under rules of its own sees what everybody would see if the shop took them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.exchange.rule_tables import import_rules
from ml_assets.experiments.arm_rules import Rule
from ml_assets.experiments.design import Experiment
from ml_assets.experiments.register import start, stop, sync_hold_out
from ml_assets.experiments.tried_rules import require_lists, try_rules
from ml_assets.releases.pointer import roll_back
from ml_assets.settings.experiments import ExperimentSettings
from ml_assets_tests.exchange.ruled_shop import rule
from ml_assets_tests.refused import refused
from ml_assets_tests.releases.frames import assignments, items, popular_items, recommendations, release, segments

CUSTOMERS = range(1, 61)
ITEMS = (11, 12, 13, 14, 15, 16, 17)
ARMS: Mapping[str, Any] = {"ours": {"share": 0.5}, "theirs": {"share": 0.5, "list": "rules:theirs.csv"}}
NOW = datetime.now(UTC)
FILE: list[dict[str, object]] = [
    {"kind": "pin", "item_id": 17, "value": 1.0, "segment_key": "loyal"},
    {"kind": "pin", "item_id": 21, "value": 3.0},
    {"kind": "boost", "item_id": 15, "value": 4.0},
    {"kind": "cap", "category": "dairy", "value": 2.0},
    {"kind": "ban", "item_id": 16},
    {"kind": "ban", "item_id": 11, "valid_from": NOW + timedelta(days=1)},
    {"kind": "pin", "item_id": 22, "value": 1.0, "placement": "discover"},
]
STRANGER = 99


@pytest.fixture
def shop(connection: ServingConnection) -> ServingConnection:
    release(connection, recommendations(CUSTOMERS, ITEMS), k=4, items=items())
    keys = ["loyal" if customer % 3 else "dormant" for customer in CUSTOMERS]
    release(connection, assignments(keys), "segment_assignments", segments=segments())
    release(connection, popular_items([21, 11, 22, 16, 23]), "popular_items", k=4)
    return connection


def begin(connection: ServingConnection, rules: list[dict[str, object]] = FILE, **more: Any) -> Experiment:
    asked = ExperimentSettings(**{"placement": "for_you", "arms": ARMS} | more)
    given: Mapping[str, list[Rule]] = {"theirs": [*rules]}
    return start(connection, "ruled", asked, ZoneInfo("UTC"), rules=given)


def lists(connection: ServingConnection, placement: str = "for_you") -> dict[int, list[tuple[Any, ...]]]:
    query = """
        SELECT n, ARRAY(
            SELECT (r.rank, r.item_id, r.score, r.source, r.reason_text, r.data_as_of, r.release_id)::text
            FROM ml.recommend(n, %s) AS r ORDER BY r.rank
        ) FROM generate_series(1, 120) AS n
    """
    return dict(connection.execute(query, [placement]).fetchall())


def drawn(connection: ServingConnection) -> dict[int, str]:
    return dict(connection.execute("SELECT n, ml.assign_arm('ruled', n) FROM generate_series(1, 120) AS n").fetchall())


def test_an_arm_sees_what_everybody_would_see_if_the_shop_took_its_rules(shop: ServingConnection) -> None:
    rule(shop, "pin", 14, 1)
    rule(shop, "boost", 13, 3)
    before, beside = lists(shop), lists(shop, "discover")
    begin(shop)
    seen, arms = lists(shop), drawn(shop)
    assert lists(shop, "discover") == beside
    stop(shop, "ruled", "enough")
    assert lists(shop) == before
    import_rules(shop, "rules", FILE, mode="replace")
    taken = lists(shop)
    assert {arms[STRANGER + more] for more in range(10)} == {"ours", "theirs"}
    assert seen == {customer: (taken if arm == "theirs" else before)[customer] for customer, arm in arms.items()}
    # Those of the loyal, of others and of strangers.
    assert len({tuple(seen[customer]) for customer, arm in arms.items() if arm == "theirs"}) == 3


def test_what_the_shop_hides_is_hidden_in_the_arm_at_once_and_pins_of_the_shop_are_not_in_it(
    shop: ServingConnection,
) -> None:
    begin(shop, [{"kind": "pin", "item_id": 13, "value": 1.0}])
    theirs = next(customer for customer, arm in drawn(shop).items() if arm == "theirs")
    query = "SELECT item_id FROM ml.recommend(%s, 'for_you') ORDER BY rank"
    assert shop.execute(query, [theirs]).fetchall() == [(13,), (11,), (12,), (14,)]
    rule(shop, "pin", 17, 1)
    rule(shop, "ban", 13)
    shop.execute("INSERT INTO ml_meta.purchases VALUES (%s, 12)", [theirs])
    assert shop.execute(query, [theirs]).fetchall() == [(11,), (14,), (15,), (16,)]
    shop.execute("INSERT INTO ml_meta.opt_outs VALUES (%s)", [theirs])
    assert shop.execute(query, [theirs]).fetchall() == [(17,), (21,), (11,), (22,)]


def test_lists_of_the_arm_roll_back_with_those_of_everybody_and_the_past_is_readable(shop: ServingConnection) -> None:
    begin(shop, [{"kind": "boost", "item_id": 14, "value": 8.0}])
    first, arms = lists(shop), drawn(shop)
    moment = shop.execute("SELECT clock_timestamp()").fetchone()
    release(shop, recommendations(CUSTOMERS, tuple(reversed(ITEMS))), day=1, k=4)
    theirs = next(customer for customer, arm in arms.items() if arm == "theirs")
    query = "SELECT item_id FROM ml.recommend(%s, 'for_you') ORDER BY rank"
    assert shop.execute(query, [theirs]).fetchall() == [(14,), (17,), (16,), (15,)]
    roll_back(shop, "recommendations", to=None, reason="worse")
    assert lists(shop) == first
    stop(shop, "ruled", "enough")
    then = "SELECT item_id FROM ml.recommendations_as_of(%s) WHERE customer_id = %s AND placement = 'for_you'"
    assert shop.execute(f"{then} ORDER BY rank".encode(), [*(moment or ()), theirs]).fetchall() == [
        (11,),
        (12,),
        (13,),
        (14,),
    ]
    kept = "SELECT experiment, arm, kind, item_id, value, valid_from FROM ml.experiment_rules"
    assert shop.execute(kept).fetchall() == [("ruled", "theirs", "boost", 14, 8.0, None)]


def test_who_is_held_out_sees_no_list_under_any_rules(shop: ServingConnection) -> None:
    sync_hold_out(shop, 0.4)
    begin(shop)
    held = {n for (n,) in shop.execute("SELECT n FROM generate_series(1, 120) AS n WHERE ml.is_held_out(n)")}
    assert held
    assert {customer for customer, shown in lists(shop).items() if not shown} == held


def test_rules_that_leave_nothing_or_change_nothing_are_told_before_anybody_sees_them(shop: ServingConnection) -> None:
    def judged(rules: list[dict[str, object]]) -> None:
        with shop.transaction(force_rollback=True):
            require_lists(shop, begin(shop, rules), 0.5)

    with refused("experiment.refused", r"theirs .* leave 1\.0 items of a list, those of everybody 4\.0: under 50%"):
        judged([{"kind": "ban", "item_id": item} for item in (*ITEMS[1:], 21, 22, 23)])
    with refused("experiment.refused", "change none of the [0-9]+ lists"):
        judged([{"kind": "boost", "category": "diary", "value": 9.0}])
    judged([{"kind": "boost", "item_id": 17, "value": 9.0, "valid_from": NOW + timedelta(days=1)}])
    rule(shop, "pin", 17, 1)
    with refused("experiment.refused", "change none"):
        judged([{"kind": "pin", "item_id": 17, "value": 1.0}])
    with shop.transaction(force_rollback=True):
        experiment = begin(shop)
        found = try_rules(shop, experiment, experiment.arms[1])
    assert found.changed == found.lists > 10
    assert (found.length, found.length_in_arm, found.waits) == (4.0, 4.0, True)


def test_strangers_of_the_arm_see_popular_items_under_its_rules(shop: ServingConnection) -> None:
    begin(shop, [{"kind": "ban", "item_id": 21}, {"kind": "pin", "item_id": 13, "value": 2.0}])
    query = "SELECT item_id FROM ml.recommend(%s, 'for_you') ORDER BY rank"
    arms = drawn(shop)
    theirs, ours = (next(n for n in range(61, 121) if arms[n] == arm) for arm in ("theirs", "ours"))
    assert shop.execute(query, [theirs]).fetchall() == [(11,), (13,), (22,), (16,)]
    assert shop.execute(query, [ours]).fetchall() == [(21,), (11,), (22,), (16,)]
