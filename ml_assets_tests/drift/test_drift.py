"""Drift is seen where the population changed, and not where it is only Christmas."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from ml_assets.drift.day import measure_day, too_young
from ml_assets.drift.measures import (
    FEATURES,
    Measure,
    distance_in_spreads,
    hit_rate,
    measure_features,
    measure_hit_rate,
    measure_scores,
    measure_unseen,
    population_stability,
    unseen_shares,
    verdict,
)
from ml_assets.events.load import load_days
from ml_assets.features.customers import build_customer_features
from ml_assets.lake import Lake
from ml_assets.settings.drift import DriftSettings
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import CompleteJourneySource
from ml_assets.sources.build import build_source
from ml_assets_tests.features.lines import day as day_of
from ml_assets_tests.features.lines import write_steady_shop

RULES = DriftSettings()
FIRST, LAST = date(2017, 8, 20), date(2017, 12, 31)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """A third of the households from August to December 2017, with its real Thanksgiving and Christmas."""
    settings = Settings(home=tmp_path_factory.mktemp("x"), source=CompleteJourneySource(replay=False))
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    loaded = load_days(build_source(settings), days, settings.events)
    return pl.concat(lines.valid for lines in loaded.values()).filter(pl.col("customer_id") % 3 == 0)


def features(events: pl.DataFrame, day: date) -> pl.DataFrame:
    return build_customer_features(events.lazy(), None, as_of=day, lookback_days=120).collect()


def measures(events: pl.DataFrame, day: date) -> list[Measure]:
    reference = pl.concat(features(events, day - timedelta(days=ago)) for ago in RULES.reference_days)
    days = [day, *(day - timedelta(days=ago) for ago in RULES.reference_days)]
    share, *usual = unseen_shares(events.lazy().filter(pl.col("day") <= day), days)
    return measure_features(features(events, day), reference, RULES) + measure_unseen(share, usual, RULES)


@pytest.mark.parametrize("day", ["2017-11-24", "2017-12-24", "2017-12-25", "2017-12-26", "2017-12-31"])
def test_a_normal_christmas_is_no_drift(events: pl.DataFrame, day: str) -> None:
    found = measures(events, date.fromisoformat(day))
    assert {one.metric: one.value for one in found if one.status != "ok"} == {}
    # On Christmas Day the shop is closed: of hardly any customers no share is told.
    assert len(found) == (6 if day == "2017-12-25" else 8)


def test_amounts_in_another_unit_are_an_error_within_a_week(events: pl.DataFrame) -> None:
    late = pl.col("day") > date(2017, 11, 10)
    wrong = events.with_columns(amount=pl.when(late).then(pl.col("amount") * 100).otherwise("amount"))
    assert verdict(measures(wrong, date(2017, 11, 17))) == "error"


def test_renumbered_customers_are_an_error_on_the_day(events: pl.DataFrame) -> None:
    day = date(2017, 11, 17)
    renumbered = pl.when(pl.col("day") == day).then(pl.col("customer_id") + 1_000_000).otherwise("customer_id")
    found = measures(events.with_columns(customer_id=renumbered), day)
    assert next(one.status for one in found if one.metric == "unseen:customers") == "error"


def test_a_shop_of_guests_is_not_told_every_day_that_everybody_is_new(events: pl.DataFrame) -> None:
    guests = events.with_columns(customer_id=pl.int_range(pl.len()))
    found = {one.metric: one for one in measures(guests, date(2017, 11, 17))}
    assert (found["unseen:customers"].value, found["unseen:customers"].status) == (1.0, "ok")


def test_shares_of_what_is_new_count_from_what_is_usual_in_the_shop() -> None:
    usual = [{"customers": 0.5, "items": 0.0}] * 3

    def status(share: float) -> str:
        return measure_unseen({"customers": share}, usual, RULES)[0].status

    assert [status(0.5), status(0.57), status(0.58), status(0.71)] == ["ok", "ok", "warn", "error"]
    assert measure_unseen({"customers": 0.5}, [], RULES)[0].status == "error"


def test_what_is_new_is_counted_by_customer_and_by_line() -> None:
    days = [date(2026, 1, 1), date(2026, 1, 2)]
    # Of every eight: three customers of whom one was there before, four lines of which one is of an item seen before.
    copies = [(8 * n, day) for n in range(8) for day in days]
    events = pl.concat(
        pl.LazyFrame(
            {"day": [day] * 4, "customer_id": [n + 1, n + 2, n + 2, n + 3], "item_id": [n + 1, n + 2, n + 2, n + 2]}
        )
        if day == days[1]
        else pl.LazyFrame({"day": [day], "customer_id": [n + 1], "item_id": [n + 1]})
        for n, day in copies
    )
    assert unseen_shares(events, [days[1]]) == [{"customers": pytest.approx(2 / 3), "items": 0.75}]


def test_a_few_customers_who_are_new_are_no_drift() -> None:
    days = [date(2026, 1, 1), date(2026, 1, 2)]
    events = pl.LazyFrame({"day": [days[0], *[days[1]] * 4], "customer_id": [1, 1, 2, 3, 4], "item_id": [1] * 5})
    assert unseen_shares(events, days) == [{}, {}]
    assert measure_unseen({}, [{}, {}], RULES) == []


def test_the_stability_index_knows_the_same_from_another_distribution() -> None:
    rng = np.random.default_rng(1)
    reference = rng.gamma(2, 20, 20_000)
    assert population_stability(rng.gamma(2, 20, 5_000), reference) < 0.02
    assert 0.1 < population_stability(rng.gamma(2, 30, 5_000), reference) < 0.5
    assert population_stability(rng.gamma(2, 200, 5_000), reference) > 1
    # Against the definition, over the reference's own deciles.
    today, edges = rng.gamma(2, 30, 5_000), np.quantile(reference, np.linspace(0, 1, 11)[1:-1])
    shares = [np.bincount(np.searchsorted(edges, x), minlength=10) / len(x) for x in (today, reference)]
    by_hand = stats.entropy(shares[0], shares[1]) + stats.entropy(shares[1], shares[0])
    assert population_stability(today, reference) == pytest.approx(by_hand, rel=0.01)


def test_few_or_missing_values_are_not_judged() -> None:
    few, many = np.arange(50.0), np.arange(1000.0)
    assert population_stability(few, many) == population_stability(many, few) == 0
    assert distance_in_spreads(np.full(1000, np.nan), many) == 0
    assert population_stability(np.zeros(1000), np.zeros(1000)) == 0


def test_distances_are_in_units_of_the_usual_spread() -> None:
    reference = np.random.default_rng(1).normal(100, 10, 10_000)
    assert distance_in_spreads(reference + 13.5, reference) == pytest.approx(1, abs=0.05)


def test_scores_of_another_weeks_model_are_no_drift_but_collapsed_ones_are() -> None:
    rng = np.random.default_rng(1)

    def lists(scores: np.ndarray) -> pl.DataFrame:
        return pl.DataFrame({"placement": ["discover"] * len(scores), "scores": [[x, 0.0] for x in scores]})

    # As on real data: lumps, whose places move a little with every training.
    usual = rng.choice([1.44, 1.6, 1.69], 2000) + rng.normal(0, 0.02, 2000)
    retrained = rng.choice([1.43, 1.58, 1.67], 2000) + rng.normal(0, 0.02, 2000)
    statuses = [measure_scores(lists(scores), lists(usual), RULES)[0].status for scores in (retrained, np.zeros(2000))]
    assert statuses == ["ok", "error"]


def test_one_feature_alone_is_a_warning_two_are_an_error() -> None:
    def measure(name: str, value: float) -> Measure:
        return Measure("customer_features", f"psi:{name}", value, 0.2, 0.5, name)

    assert verdict([measure("a", 0.1), measure("b", 0.1)]) == "ok"
    assert verdict([measure("a", 0.9), measure("b", 0.1)]) == "warn"
    assert verdict([measure("a", 0.9), measure("b", 0.9)]) == "error"


def test_the_hit_rate_counts_buyers_who_bought_from_the_top_of_their_list() -> None:
    lists = pl.DataFrame({"customer_id": [1, 2, 3], "item_ids": [[10, 11], [10, 12], [10, 11]]})
    bought = pl.DataFrame({"customer_id": [1, 1, 2, 4], "item_id": [11, 11, 13, 10]})
    assert hit_rate(lists, bought, k=2) == 0.5
    assert hit_rate(lists, bought, k=1) == 0
    assert hit_rate(lists, bought.clear(), k=2) is None


@pytest.mark.parametrize(("rate", "status"), [(0.75, "ok"), (0.5, "warn"), (0.2, "error")])
def test_a_hit_rate_is_held_against_its_own_past(rate: float, status: str) -> None:
    day = date(2026, 3, 1)
    assert measure_hit_rate(rate, [0.74, 0.76, 0.8, 0.75], RULES, day=day).status == status
    assert measure_hit_rate(rate, [0.74, 0.76], RULES, day=day).status == "ok"


def test_a_day_without_references_measures_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert measure_day(Lake.of(settings), settings, date(2026, 3, 1), []) == []


@pytest.mark.parametrize(
    ("days", "skipped"),
    [
        (40, {*FEATURES}),
        (75, {"orders_90d", "spend_90d"}),
        (118, set()),
    ],
)
def test_a_young_shop_in_which_nothing_changes_does_not_drift(tmp_path: Path, days: int, skipped: set[str]) -> None:
    settings = Settings(home=tmp_path)
    lake = Lake.of(settings)
    write_steady_shop(lake, days)
    newest = day_of(days - 1)
    found = [one for one in measure_day(lake, settings, newest, []) if one.subject == "customer_features"]
    assert {one.metric: one.value for one in found if one.status != "ok"} == {}
    assert {one.metric.removeprefix("psi:") for one in found} == set(FEATURES) - skipped
    assert too_young(lake, settings, newest).keys() == skipped


def test_a_short_look_back_needs_no_longer_history(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, lookback_days=40)
    lake = Lake.of(settings)
    for number in (0, 50, 57):
        lake.write("transactions", pl.DataFrame({"a": [1]}), day_of(number))
    lake.write("customer_features", pl.DataFrame({"a": [1]}), day_of(50))
    assert too_young(lake, settings, day_of(57)) == {}
    assert too_young(lake, settings.model_copy(update={"lookback_days": 400}), day_of(57))["orders_90d"] == (
        "needs 90 days of history; 2024-02-20, the oldest day compared with, has 51"
    )
