"""The judge against the metrics' definitions, and evaluations as they run, with the bars on real data."""

import json
import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import UserError
from ml_assets.models.evaluate import evaluate
from ml_assets.models.metrics.card_metrics import card_metrics, metrics_table
from ml_assets.models.metrics.evaluation import ListEvaluation
from ml_assets.models.metrics.judge import bought_after, judges
from ml_assets.models.metrics.list_facts import ListJudge
from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets.settings.shop import Settings
from ml_assets_tests.features.lines import journey, journey_items
from ml_assets_tests.models.purchase_frames import END, catalogue, made_shop, purchases_of
from ml_assets_tests.models.studies import quick_settings, studied

CUTOFF = END - timedelta(days=25)
SETTINGS = quick_settings()
TRUTHS = st.dictionaries(st.integers(0, 6), st.sets(st.integers(0, 9), min_size=1), min_size=1, max_size=7)
LISTS = st.lists(st.lists(st.integers(0, 7), unique=True, max_size=9), min_size=5, max_size=5)
POPULAR = np.array([3, 1, 4], np.int32)


def known_shop() -> Snapshot:
    """Customers 0 to 4 and items 0 to 7; customer c bought items c, c + 1 and c + 2."""
    rows = [(customer, customer + step, 5, 0) for customer in range(5) for step in range(3)]
    rows.append((4, 7, 5, 0))
    return Snapshot.of(purchases_of(*rows), catalogue(8), END, RecommenderSettings())


def bought_frame(truths: dict[int, set[int]]) -> pl.DataFrame:
    rows = [(customer, item, 0) for customer, items in truths.items() for item in items]
    return pl.DataFrame(rows, schema={"customer_id": pl.Int64, "item_id": pl.Int64, "after": pl.Int64}, orient="row")


def may_be_relevant(snapshot: Snapshot, placement: str, customer: int, item: int) -> bool:
    names = snapshot.purchases.customers.to_list(), snapshot.purchases.items.to_list()
    pairs = {
        (names[0][row], names[1][column])
        for row, column in zip(snapshot.bought.row_numbers(), snapshot.bought.indices, strict=True)
    }
    return {"for_you": True, "discover": (customer, item) not in pairs, "buy_again": (customer, item) in pairs}[
        placement
    ]


@given(TRUTHS, LISTS, st.sampled_from(PLACEMENTS), st.integers(1, 10))
@settings(max_examples=150)
def test_metrics_equal_their_definitions_in_every_placement(
    truths: dict[int, set[int]], lists: list[list[int]], placement: str, k: int
) -> None:
    snapshot = known_shop()
    items = snapshot.purchases.items.to_list()
    codes = np.full((5, 10), -1, np.int32)
    for row, ids in enumerate(lists):
        codes[row, : len(ids)] = [items.index(item) for item in ids]
    (judge,) = judges(snapshot, bought_frame(truths), cutoff=END, horizons=[7], placements=[placement], k=k)
    shown = dict(enumerate(lists))
    popular = [items[code] for code in POPULAR]
    expected = []
    for customer in sorted(truths):
        relevant = {item for item in truths[customer] if may_be_relevant(snapshot, placement, customer, item)}
        if not relevant:
            continue
        own = shown.get(customer, popular)[:k]
        hits = [rank for rank, item in enumerate(own, 1) if item in relevant]
        ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
        gain = sum(1 / math.log2(rank + 1) for rank in hits)
        expected.append((len(hits) / len(relevant), gain / ideal, float(bool(hits))))
    metrics = judge.metrics(codes, POPULAR)
    got = list(zip(metrics.recall, metrics.ndcg, metrics.hit_rate, strict=True))
    np.testing.assert_allclose(got, expected) if expected else None
    assert len(got) == len(expected) == judge.customers


def test_only_purchases_inside_the_horizon_are_relevant() -> None:
    bought = pl.DataFrame({"customer_id": [0, 0], "item_id": [5, 6], "after": [6, 7]})
    week, month = judges(known_shop(), bought, cutoff=END, horizons=[7, 30], placements=["for_you"])
    assert (week.relevant.tolist(), month.relevant.tolist()) == ([1], [2])


def test_items_that_nobody_could_know_count_as_relevant_and_cannot_be_hit() -> None:
    bought = pl.DataFrame({"customer_id": [0], "item_id": [999], "after": [0]})
    (judge,) = judges(known_shop(), bought, cutoff=END, horizons=[7], placements=["for_you"])
    every = np.arange(8, dtype=np.int32)[np.newaxis].repeat(5, axis=0)
    assert judge.metrics(every, POPULAR).recall.tolist() == [0.0]


def test_returns_and_mere_interest_are_no_purchases() -> None:
    events = made_shop().with_columns(
        event_type=pl.when(pl.col("item_id") < 10).then(pl.lit("view")).otherwise(pl.lit("purchase")),
        is_return=pl.col("item_id") > 30,
    )
    bought = bought_after(events.lazy(), CUTOFF, 20, {"view": 0.1})
    assert set(bought["item_id"]) <= set(range(10, 31))
    assert bought.select("customer_id", "item_id").is_duplicated().sum() == 0


def test_facts_of_lists_are_those_that_a_person_would_count() -> None:
    snapshot = known_shop()
    items = snapshot.purchases.items.to_list()
    lists = np.array([[items.index(0), items.index(7)], [items.index(7), -1]], np.int32)
    facts = ListJudge(snapshot).facts(np.array([0, 1], np.int32), lists)
    assert (facts.items_shown, facts.coverage) == (2, 2 / 8)
    assert facts.repeat_share == pytest.approx(1 / 3)
    assert facts.novelty == pytest.approx(-math.log2(1 / 5)), "both items have one buyer of five"
    assert facts.new_item_share == 1.0, "the shop is five days old"
    assert facts.popularity_share == 1.0


def evaluated(transactions: pl.DataFrame, horizons: tuple[int, ...] = (7, 20)) -> ListEvaluation:
    return evaluate(transactions, catalogue(), cutoff=CUTOFF, horizons=horizons, settings=SETTINGS)


def test_the_table_has_the_recommender_and_the_yardsticks_of_each_placement_and_horizon() -> None:
    table = evaluated(made_shop()).table
    methods = {"for_you": {"personal_frequency", "popularity"}, "discover": {"popularity"}}
    for placement in PLACEMENTS:
        for horizon in (7, 20):
            rows = table.filter(placement=placement, horizon=horizon)
            expected = methods.get(placement, {"personal_frequency"}) | {"recommender"}
            assert set(rows["method"]) == expected
            assert (rows["ndcg_low"] <= rows["ndcg"]).all()
            assert (rows["ndcg"] <= rows["ndcg_high"]).all()


def test_the_breakdown_adds_up_to_the_table() -> None:
    result = evaluated(made_shop())
    groups = result.breakdown.filter(kind="orders")
    whole = groups.group_by("placement", "horizon", "method").agg(
        (pl.col("ndcg") * pl.col("customers")).sum() / pl.col("customers").sum(), pl.col("customers").sum()
    )
    joined = whole.join(result.table, on=["placement", "horizon", "method"], suffix="_whole")
    assert joined.height == result.table.height
    np.testing.assert_allclose(joined["ndcg"], joined["ndcg_whole"])
    assert (joined["customers"] == joined["customers_whole"]).all()


def test_what_happens_after_the_horizon_does_not_matter() -> None:
    transactions = made_shop()
    within = transactions.filter(pl.col("day") < CUTOFF + timedelta(days=7))
    assert evaluated(transactions, (7,)).table.equals(evaluated(within, (7,)).table)


def test_what_happens_from_the_cutoff_on_does_not_change_the_lists() -> None:
    transactions = made_shop()
    changed = transactions.filter((pl.col("day") < CUTOFF) | (pl.col("item_id") % 3 == 0))
    assert evaluated(transactions).lists.equals(evaluated(changed).lists)


def test_strangers_count_and_are_judged_by_the_popular_list() -> None:
    transactions = made_shop()
    strangers = transactions.filter((pl.col("day") < CUTOFF) | (pl.col("customer_id") == 59)).with_columns(
        pl.when(pl.col("day") >= CUTOFF).then(1000).otherwise("customer_id").alias("customer_id")
    )
    table = evaluated(strangers, (20,)).table.filter(placement="for_you")
    assert table["customers"].to_list() == [1] * 3
    ours, popular = table.filter(method="recommender"), table.filter(method="popularity")
    assert ours["ndcg"].to_list() == popular["ndcg"].to_list()


def test_a_cutoff_outside_the_data_says_so() -> None:
    with pytest.raises(UserError, match="no purchases before 2020-01-01"):
        evaluate(made_shop(), catalogue(), cutoff=date(2020, 1, 1), horizons=[7], settings=SETTINGS)
    with pytest.raises(UserError, match="no purchases from 2030-01-01"):
        evaluate(
            made_shop().with_columns(day=pl.lit(date(2029, 12, 1))),
            catalogue(),
            cutoff=date(2030, 1, 1),
            horizons=[7],
            settings=SETTINGS,
        )


def test_an_evaluation_says_as_json_what_it_found() -> None:
    evaluation = evaluated(made_shop(), (7,))
    facts = json.loads(json.dumps(evaluation.facts()))
    assert facts["cutoff"] == CUTOFF.isoformat()
    assert facts["rows"] == evaluation.table.to_dicts()
    assert set(facts["choices"]) == set(PLACEMENTS)


def test_the_figures_of_a_card_become_a_table_again() -> None:
    summary = studied(made_shop(), catalogue(), SETTINGS).summary()
    metrics = card_metrics(summary)
    assert metrics["discover_7d_popularity_ndcg"] > 0
    table = metrics_table(metrics)
    assert set(table["method"]) >= {"recommender", "popularity"}
    assert table.height == summary.filter(pl.col("role") != "").height


@pytest.fixture(scope="module")
def december() -> pl.DataFrame:
    """The table of the real shop for December 2017, with quick selection: what `make demo` publishes."""
    options = Settings().recommender
    quick = options.model_copy(update={"selection": options.selection.model_copy(update={"effort": "quick"})})
    settings = Settings().model_copy(update={"recommender": quick})
    return evaluate(journey(), journey_items(), cutoff=date(2017, 12, 1), horizons=[7, 30], settings=settings).table


def figure(table: pl.DataFrame, placement: str, horizon: int, metric: str, method: str = "recommender") -> float:
    row = table.row(by_predicate=(pl.col("placement") == placement) & (pl.col("horizon") == horizon)
        & (pl.col("method") == method), named=True)  # fmt: skip
    return float(row[metric])


@pytest.mark.long
@pytest.mark.parametrize(
    ("placement", "horizon", "metric", "least"),
    [
        ("for_you", 7, "recall", 0.160),
        ("for_you", 7, "ndcg", 0.315),
        ("for_you", 30, "ndcg", 0.427),
        ("discover", 7, "ndcg", 0.0220),
        ("discover", 30, "ndcg", 0.0480),
    ],
)
def test_the_lists_of_the_real_shop_are_as_good_as_promised(
    december: pl.DataFrame, placement: str, horizon: int, metric: str, least: float
) -> None:
    assert figure(december, placement, horizon, metric) >= least


@pytest.mark.long
@pytest.mark.parametrize(("placement", "horizon"), [("for_you", 7), ("for_you", 30), ("discover", 7), ("discover", 30)])
def test_the_lists_of_the_real_shop_beat_popularity(december: pl.DataFrame, placement: str, horizon: int) -> None:
    for metric in ("recall", "ndcg", "coverage"):
        ours = figure(december, placement, horizon, metric)
        assert ours > figure(december, placement, horizon, metric, "popularity")
