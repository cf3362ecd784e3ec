"""Experiments are started, shared out, counted and stopped, and what cannot be is refused in words."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import psycopg
import pytest
from psycopg import errors
from pydantic import ValidationError

from ml_assets.contract.files import fill, read_files
from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.entrants import drawn, enter_customers, require_customers
from ml_assets.experiments.register import list_experiments, start, stop, sync_hold_out
from ml_assets.settings.experiments import ExperimentSettings, ExperimentsSettings
from ml_assets_tests.contract.test_roles import member_url
from ml_assets_tests.refused import refused
from ml_assets_tests.releases.frames import UNJUDGED, assignments, recommendations, release, segments

UTC = ZoneInfo("UTC")
CUSTOMERS = range(1, 401)
HALVES: Mapping[str, Any] = {"lists": {"share": 0.5}, "nothing": {"share": 0.5, "list": "none"}}


def asked(**more: Any) -> ExperimentSettings:
    return ExperimentSettings(**{"placement": "for_you", "arms": HALVES} | more)


@pytest.fixture
def shop(connection: ServingConnection) -> ServingConnection:
    release(connection, recommendations(CUSTOMERS), gates=UNJUDGED)
    keys = ["loyal" if customer <= 200 else "dormant" for customer in CUSTOMERS]
    release(connection, assignments(keys), "segment_assignments", segments=segments(), gates=UNJUDGED)
    return connection


def arms(connection: ServingConnection, name: str) -> dict[int, str | None]:
    query = "SELECT n, ml.assign_arm(%s, n) FROM generate_series(1, 400) AS n"
    return dict(connection.execute(query, [name]).fetchall())


def members(connection: ServingConnection, name: str) -> set[int]:
    return {customer for customer, arm in arms(connection, name).items() if arm is not None}


def test_an_experiment_draws_in_sql_what_is_drawn_in_python_and_counts_all_of_them(shop: ServingConnection) -> None:
    experiment = start(shop, "worth", asked(traffic=0.6), UTC)
    inside = {customer: arm for customer, arm in arms(shop, "worth").items() if arm is not None}
    assert dict(drawn(experiment, pl.Series("customer_id", CUSTOMERS)).iter_rows()) == inside
    assert 150 < len(inside) < 330
    assert enter_customers(shop, None) == {"worth": len(inside)}
    assert enter_customers(shop, None) == {"worth": 0}
    counted = "SELECT customer_id, arm FROM ml.experiment_customers WHERE experiment = 'worth'"
    assert dict(shop.execute(counted).fetchall()) == inside
    listed = "SELECT arm, share, list, state, traffic, is_control FROM ml.experiments ORDER BY is_control DESC"
    assert shop.execute(listed).fetchall() == [
        ("lists", 0.5, "live", "running", 0.6, True),
        ("nothing", 0.5, "none", "running", 0.6, False),
    ]
    stop(shop, "worth", "enough")
    assert members(shop, "worth") == set()
    assert len(dict(shop.execute(counted).fetchall())) == len(inside)


def test_experiments_of_a_layer_have_no_customer_in_common_and_those_of_two_are_independent(
    shop: ServingConnection,
) -> None:
    start(shop, "one", asked(traffic=0.5), UTC)
    start(shop, "two", asked(traffic=0.5), UTC)
    assert members(shop, "one") | members(shop, "two") == set(CUSTOMERS)
    assert not members(shop, "one") & members(shop, "two")
    start(shop, "elsewhere", asked(placement="discover", traffic=0.5), UTC)
    both = members(shop, "one") & members(shop, "elsewhere")
    assert 50 < len(both) < 150
    with refused("experiment.refused", "no room for 10%.*widest free part is 0%"):
        start(shop, "three", asked(traffic=0.1), UTC)
    with refused("experiment.refused", "in different layers"):
        start(shop, "three", asked(layer="mine", traffic=0.1), UTC)
    stop(shop, "two", "done")
    start(shop, "three", asked(traffic=0.5), UTC)
    assert not members(shop, "one") & members(shop, "three")


def test_who_entered_with_a_segment_stays_when_the_segment_changes(shop: ServingConnection) -> None:
    experiment = start(shop, "loyal_only", asked(segment="loyal", min_orders=3), UTC)
    assert members(shop, "loyal_only") == set()
    counts = [customer % 5 for customer in CUSTOMERS]
    orders = pl.DataFrame({"customer_id": [*CUSTOMERS], "orders": counts, "orders_90d": counts, "spend_90d": counts})
    require_customers(shop, experiment, orders)
    enter_customers(shop, orders)
    entered = {customer for customer in range(1, 201) if customer % 5 >= 3}
    assert members(shop, "loyal_only") == entered
    release(shop, assignments(["dormant"] * 400), "segment_assignments", segments=segments(), gates=UNJUDGED, day=1)
    enter_customers(shop, orders)
    assert members(shop, "loyal_only") == entered
    with refused("experiment.refused", "no customers in the arm lists, nothing: 0 have .* the segment loyal"):
        require_customers(shop, experiment, orders)


def test_the_hold_out_is_in_no_experiment_and_only_grows(shop: ServingConnection) -> None:
    assert sync_hold_out(shop, 0.1)
    assert not sync_hold_out(shop, 0.1)
    held = {customer for customer, arm in arms(shop, "hold_out").items() if arm == "held_out"}
    assert held == {n for (n,) in shop.execute("SELECT n FROM generate_series(1, 400) AS n WHERE ml.is_held_out(n)")}
    assert 15 < len(held) < 75
    start(shop, "worth", asked(), UTC)
    assert members(shop, "worth") == set(CUSTOMERS) - held
    entered = enter_customers(shop, None)
    assert entered == {"hold_out": 400, "worth": 400 - len(held)}
    with refused("experiment.refused", "from 0.1 to 0.2 while worth runs"):
        sync_hold_out(shop, 0.2)
    with refused("experiment.refused", "permanent"):
        stop(shop, "hold_out", "tired of it")
    stop(shop, "worth", "done")
    assert sync_hold_out(shop, 0.3)
    assert held < {customer for customer, arm in arms(shop, "hold_out").items() if arm == "held_out"}
    assert sync_hold_out(shop, 0)
    assert members(shop, "hold_out") == set()
    assert sync_hold_out(shop, 0.1)
    assert held == {customer for customer, arm in arms(shop, "hold_out").items() if arm == "held_out"}


def test_who_opted_out_or_was_erased_is_in_none(shop: ServingConnection) -> None:
    start(shop, "worth", asked(), UTC)
    shop.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (1)")
    shop.execute("INSERT INTO ml_meta.erased_customers VALUES (ml_meta.hash_of_customer('2'))")
    assert arms(shop, "worth")[1] is None
    assert enter_customers(shop, None) == {"worth": 398}
    shop.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (3)")
    assert shop.execute("SELECT count(*) FROM ml.experiment_customers").fetchone() == (397,)


def test_what_cannot_be_started_or_stopped_is_refused_in_words(shop: ServingConnection) -> None:
    with refused("experiment.refused", "over already"):
        start(shop, "late", asked(until=date(2026, 1, 4)), UTC)
    nobody = asked(segment="nobody")
    with refused("experiment.refused", "no customers"):
        start(shop, "empty", nobody, UTC, judge=lambda started: require_customers(shop, started, None))
    assert list_experiments(shop) == []
    start(shop, "worth", asked(), UTC)
    with refused("experiment.refused", "was started at .* and is running"):
        start(shop, "worth", asked(arms={"a": {"share": 0.9}, "b": {"share": 0.1}}), UTC)
    with refused("experiment.unknown", "Those that were: worth"):
        stop(shop, "other", "x")
    stop(shop, "worth", "enough")
    with refused("experiment.refused", "was stopped .*enough"):
        stop(shop, "worth", "again")
    with pytest.raises(errors.InvalidParameterValue, match="there is no experiment 'other'"):
        shop.execute("SELECT ml.assign_arm('other', 1)")


@pytest.mark.parametrize(
    ("arms", "complaint"),
    [
        ({"a": {"share": 0.5}, "b": {"share": 0.4}}, "sum to 0.9, not to 1: a 0.5, b 0.4"),
        ({"a": {"share": 0.5, "list": "none"}, "b": {"share": 0.5, "list": "none"}}, "all arms see the same list"),
        ({"a": {"share": 0.5}, "b": {"share": 0.5, "list": "best"}}, "best is no list"),
        ({"a": {"share": 0.5}, "b": {"share": 0.5, "list": "method:magic"}}, "no method magic"),
        ({"a": {"share": 0.5}, "b": {"share": 0.5, "list": "challenger:magic"}}, "no method magic.*, ranker"),
        ({"a": {"share": 0.5}, "B b": {"share": 0.5}}, "pattern"),
    ],
)
def test_arms_that_make_no_experiment_are_refused(arms: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        asked(arms=arms)
    with pytest.raises(ValidationError, match="ease finds new items only"):
        asked(placement="buy_again", arms={"a": {"share": 0.5}, "b": {"share": 0.5, "list": "method:ease"}})
    with pytest.raises(ValidationError, match="permanent one"):
        ExperimentsSettings(planned={"hold_out": asked()})
    with pytest.raises(ValidationError, match="a name of the trials"):
        ExperimentsSettings(planned={"challenger_for_you_3": asked()})


def test_a_reader_draws_arms_and_reads_who_is_counted_and_changes_nothing(
    shop: ServingConnection, postgres_url: str
) -> None:
    start(shop, "worth", asked(), UTC)
    enter_customers(shop, None)
    with psycopg.connect(member_url(postgres_url, "ml_reader"), autocommit=True) as reader:
        row = reader.execute(
            "SELECT count(*), count(*) FILTER (WHERE arm = ml.assign_arm(experiment, customer_id)) "
            "FROM ml.experiment_customers"
        ).fetchone()
        assert row == (400, 400)
        for statement in (
            "SELECT * FROM ml_meta.experiments",
            "SELECT ml_meta.place_of('a', 'b')",
            "SELECT ml_meta.draw_arm('worth', '1')",
            "SELECT ml_meta.enter_customers('worth', '{1}', current_date)",
            "DELETE FROM ml_store.experiment_customers",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                reader.execute(statement)
    with psycopg.connect(member_url(postgres_url, "ml_writer"), autocommit=True) as writer:
        for statement in (
            "UPDATE ml_meta.experiments SET salt = 'x'",
            "UPDATE ml_meta.experiment_arms SET share = 0.9",
            "INSERT INTO ml_store.experiment_customers VALUES ('worth', 1, 'lists', current_date)",
            "DELETE FROM ml_meta.experiments",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                writer.execute(statement)


def test_what_is_read_of_an_experiment_is_as_its_arms_say_also_of_one_from_before_an_upgrade(
    shop: ServingConnection,
) -> None:
    sync_hold_out(shop, 0.1)
    sync_hold_out(shop, 0.2)
    start(shop, "worth", asked(traffic=0.4), UTC)
    start(shop, "loyals", asked(arms={**HALVES, "nothing": {"share": 0.5, "list": "popular"}}, segment="loyal",
        traffic=0.3), UTC)  # fmt: skip
    start(shop, "made", asked(arms={**HALVES, "nothing": {"share": 0.5, "list": "method:ease"}}, traffic=0.3), UTC)
    query = "SELECT experiment, layer_salt, arms_below, arms_see FROM ml_meta.experiments ORDER BY 1"
    noted = shop.execute(query).fetchall()
    assert {name: (below, see) for name, _, below, see in noted} == {
        "hold_out": ([0.2, 1.0], ["none", None]),
        "loyals": ([0.5, 1.0], [None, "?loyals:popular"]),
        "made": ([0.5, 1.0], [None, "made.nothing"]),
        "worth": ([0.5, 1.0], [None, "none"]),
    }
    shop.execute("UPDATE ml_meta.experiments SET layer_salt = NULL, arms_below = NULL, arms_see = NULL")
    text = read_files("tables")["026_draws"]
    upgrade = text[text.index("UPDATE ") : text.index("DROP FUNCTION")]
    shop.execute(fill("tables/026_draws", upgrade, shop.schemas, {}).encode())
    assert shop.execute(query).fetchall() == noted
