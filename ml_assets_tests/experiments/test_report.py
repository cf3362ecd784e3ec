"""A report says in a sentence what came of an experiment, and nothing where the split cannot be trusted."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.design import Arm, Experiment
from ml_assets.experiments.entrants import enter_customers
from ml_assets.experiments.outcomes import outcomes_of, write_outcomes
from ml_assets.experiments.planning import Past, against_itself, plan
from ml_assets.experiments.register import experiment, start
from ml_assets.experiments.report import METRICS, Report, judge, report
from ml_assets.experiments.splits import By, by_listing, by_segment
from ml_assets_tests.experiments.test_outcomes import lines
from ml_assets_tests.experiments.test_register import asked
from ml_assets_tests.releases.frames import recommendations, release

NOW = datetime(2026, 1, 5, tzinfo=UTC)
ARMS = (Arm("lists", 0.5, 0.5, "live"), Arm("nothing", 0.5, 1.0, "none"))
WORTH = Experiment(
    "worth", "for_you", "for_you", "a", 0, 1, "b", None, None, "", NOW, NOW, NOW + timedelta(days=28), None, None, ARMS
)


def outcomes(sizes: tuple[int, int] = (2000, 2000), factor: float = 1.0, whale: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    parts = []
    for arm, size, times in zip(("lists", "nothing"), sizes, (1.0, factor), strict=True):
        taste = rng.gamma(2.0, 1.0, size)
        orders = rng.poisson(taste * times)
        before = rng.poisson(taste * 3)
        parts.append(
            pl.DataFrame(
                {
                    "arm": arm,
                    "revenue": orders * 10.0,
                    "orders": orders.astype(float),
                    "bought": (orders > 0).astype(float),
                    "listed_items": orders.astype(float),
                    "new_categories": orders.astype(float),
                    "lapsed": (orders == 0).astype(float),
                    "orders_before": before.astype(float),
                    "revenue_before": before * 10.0,
                }
            )
        )
    frame = pl.concat(parts)
    return frame.with_columns(pl.col("revenue") + pl.Series([0.0] * (frame.height - 1) + [whale]))


def judged(frame: pl.DataFrame, days: int = 28) -> Report:
    return judge(WORTH, frame, days, 28)


def test_without_amounts_the_verdict_is_about_pieces() -> None:
    found = judge(WORTH, outcomes(factor=0.8), 28, 28, amounts=False)
    assert found.verdict.startswith("nothing brings fewer pieces than lists after 28 days")
    assert "revenue" not in found.verdict


def test_an_effect_is_told_in_a_sentence_with_bounds_that_may_be_peeked_at() -> None:
    found = judged(outcomes(factor=0.8))
    assert found.is_trusted
    assert found.verdict.startswith("nothing brings less revenue than lists after 28 days: -")
    assert "Lower for sure: orders." in found.verdict
    # The shop tells no costs and keeps no returns; only guardrails are missed aloud.
    assert {row.metric for row in found.rows} == set(METRICS) - {"margin", "returned"}
    assert set(found.left_out) == {"returned", "unsubscribed"}
    assert "margin" not in found.verdict
    revenue = found.rows[0].found
    assert revenue.always.low < revenue.difference.low < revenue.difference.high < revenue.always.high < 0
    assert revenue.variance_reduction > 0.2
    assert all(row.corrected_p < (0.05 if row.metric in {"bought", "lapsed"} else 0.001) for row in found.rows)
    none = judged(outcomes())
    assert none.verdict.startswith("No difference in revenue between nothing and lists is shown after 28 days")
    whale = judged(outcomes(whale=1e6))
    assert whale.verdict.startswith("No difference in revenue")
    assert whale.rows[0].found.difference.high < 3


def test_margin_is_told_beside_revenue_where_the_shop_has_costs() -> None:
    frame = outcomes(factor=1.2)
    costs = pl.when(pl.col("arm") == "nothing").then(0.9).otherwise(0.5)
    found = judged(frame.with_columns(margin=pl.col("revenue") * (1 - costs)))
    assert found.verdict.startswith("nothing brings more revenue than lists")
    margin = next(row for row in found.rows if row.metric == "margin")
    assert margin.found.always.high < 0
    assert margin.found.variance_reduction > 0.1
    # It decides nothing and stops nothing.
    assert not margin.is_breached
    assert " In margin: -" in found.verdict


def test_margin_is_adjusted_by_the_margin_of_the_time_before_once_it_is_known_of_everybody() -> None:
    # Who buys what is on sale brings revenue and little margin, before as after.
    rates = pl.Series(np.random.default_rng(4).uniform(-0.2, 0.8, 4000))
    frame = outcomes().with_columns(margin=pl.col("revenue") * rates, margin_before=pl.col("revenue_before") * rates)

    def explained(frame: pl.DataFrame, metric: str = "margin") -> float:
        return next(row.found.variance_reduction for row in judged(frame).rows if row.metric == metric)

    by_revenue, by_margin = explained(frame.drop("margin_before")), explained(frame)
    assert (round(by_revenue, 2), round(by_margin, 2)) == (0.16, 0.58)
    assert explained(frame, "revenue") == explained(frame.drop("margin_before"), "revenue")
    # Half of them entered before it was noted.
    half = pl.when(pl.int_range(pl.len()) % 2 == 0).then("margin_before")
    assert explained(frame.with_columns(margin_before=half)) == by_revenue


@pytest.mark.parametrize(
    ("factor", "back", "left", "breached"),
    [
        (1.0, 1.0, 20, set()),
        (1.0, 2.5, 20, {"returned"}),
        (1.0, 1.0, 120, {"unsubscribed"}),
        # Who buys more returns more.
        (1.5, 1.5, 20, set()),
    ],
)
def test_more_returns_and_opt_outs_are_harm(factor: float, back: float, left: int, breached: set[str]) -> None:
    frame = outcomes(factor=factor)
    times = pl.when(pl.col("arm") == "nothing").then(back).otherwise(1.0)
    frame = frame.with_columns(returned=pl.col("orders_before") * times)
    found = judge(WORTH, frame, 28, 28, {"lists": (2000, 20), "nothing": (2000 + left, left)})
    assert {row.metric for row in found.rows if row.is_breached} == breached
    assert found.is_breached == bool(breached)
    assert found.left_out == {}
    assert ("Higher for sure: " in found.verdict) == bool(breached)


@pytest.mark.parametrize(
    ("frame", "days", "words"),
    [
        (outcomes((2200, 1800)), 28, "the split is not the one that was drawn (lists 2,200, nothing 1,800"),
        (outcomes((20, 20)), 28, "fewer than 30 customers in lists, nothing"),
        (outcomes(), 0, "no day has its outcomes yet"),
    ],
)
def test_what_cannot_be_trusted_gets_no_verdict(frame: pl.DataFrame, days: int, words: str) -> None:
    found = judged(frame, days)
    assert not found.is_trusted
    assert found.verdict.startswith("No verdict: ")
    assert words in found.verdict


def test_outcomes_of_nothing_are_no_difference() -> None:
    nothing = outcomes().with_columns(pl.lit(0.0).alias(name) for name in outcomes().columns if name != "arm")
    found = judged(nothing)
    assert found.is_trusted
    assert "No difference in revenue" in found.verdict


def test_a_report_reads_what_the_database_counts(connection: ServingConnection) -> None:
    release(connection, recommendations(range(1, 201)))
    start(connection, "worth", asked(), ZoneInfo("UTC"))
    enter_customers(connection, None)
    assert "no day has its outcomes" in report(connection, experiment(connection, "worth")).verdict
    row = connection.execute("SELECT max(entered_on) FROM ml.experiment_customers").fetchone()
    day: date = row[0] if row else date.min
    write_outcomes(connection, day, outcomes_of(lines([(1, 11, "a", 5.0)], day), day, {}))
    found = report(connection, experiment(connection, "worth"))
    assert sum(found.customers.values()) == 200
    assert (found.days, found.is_trusted) == (1, True)
    assert "No difference in revenue" in found.verdict
    assert "after 1 day:" in found.verdict
    # Nothing is known yet of categories and of who lapsed.
    assert {row.metric for row in found.rows} == {"revenue", "orders", "bought", "listed_items"}
    connection.execute(
        "INSERT INTO ml_store.segment_history (customer_id, valid_from, segment_key) "
        "SELECT n, '2020-01-01', CASE WHEN n <= 180 THEN 'loyal' ELSE 'few' END FROM generate_series(1, 200) AS n"
    )
    loyal, few = by_segment(connection, experiment(connection, "worth"))
    assert (loyal.segment, loyal.control_customers + loyal.arm_customers, few.found) == ("loyal", 180, None)
    assert loyal.found is not None
    assert loyal.found.always.low <= 0 <= loyal.found.always.high
    # The customer bought the first of the items that two lists show.
    expected: dict[By, list[str]] = {
        "placement": ["discover", "for_you"],
        "rank": ["1"],
        "reason": ["because_you_bought"],
    }
    for by, which in expected.items():
        parts = by_listing(connection, experiment(connection, "worth"), by, found.customers)
        assert [part.which for part in parts] == which
        assert sum(sum(part.items.values()) for part in parts) == 2
        assert sum(sum(part.per_100.values()) for part in parts) == pytest.approx(2, abs=0.5)


def test_a_plan_and_a_test_against_itself_come_from_the_shops_own_past() -> None:
    rng = np.random.default_rng(5)
    taste = rng.gamma(1.0, 0.1, 400)
    customers = pl.DataFrame({"customer_id": range(400), "spend_90d": rng.poisson(taste * 90) * 10.0})
    days = [
        pl.DataFrame({"customer_id": range(400), "revenue": rng.poisson(taste) * 10.0}).filter(pl.col("revenue") > 0)
        for _ in range(28)
    ]
    past = Past.of(customers, days)
    plans = plan(past, 0.05, (0.5, 0.5))
    assert [one.days for one in plans] == [7, 14, 28]
    assert plans[0].needed > plans[2].needed > 400
    assert all(one.needed < one.needed_peeking for one in plans)
    assert 0.3 < plans[2].variance_reduction < 1
    assert plans[2].smallest > 0.05
    found = against_itself(past, 100, 1)
    assert found.always <= 0.05
    assert found.once < 0.14
    assert found.peeked >= found.once
    nothing = Past(np.zeros((10, 28)), np.zeros(10))
    assert plan(nothing, 0.05, (0.5, 0.5))[0].smallest == float("inf")
