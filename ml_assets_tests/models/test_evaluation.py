"""Metrics against their definitions, and the quality bars on real data."""

import json
import math
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import UserError
from ml_assets.models.evaluation.evaluate import evaluate
from ml_assets.models.evaluation.evaluation import Evaluation
from ml_assets.models.evaluation.metrics import ranking_metrics
from ml_assets.models.recommenders.training import card_metrics, train_recommender
from ml_assets.settings.shop import Settings
from ml_assets_tests.features.lines import journey, journey_items
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop

LISTS = st.dictionaries(st.integers(0, 4), st.lists(st.integers(0, 8), unique=True, max_size=9), max_size=5)
TRUTHS = st.dictionaries(st.integers(0, 5), st.sets(st.integers(0, 8), min_size=1), max_size=6)


def as_lists(lists: dict[int, list[int]]) -> pl.DataFrame:
    rows = [(customer, item, rank) for customer, items in lists.items() for rank, item in enumerate(items, 1)]
    return pl.DataFrame(rows, schema={"customer_id": pl.Int64, "item_id": pl.Int64, "rank": pl.Int64}, orient="row")


def as_truth(truths: dict[int, set[int]]) -> pl.DataFrame:
    rows = [(customer, item) for customer, items in truths.items() for item in items]
    return pl.DataFrame(rows, schema={"customer_id": pl.Int64, "item_id": pl.Int64}, orient="row")


@given(LISTS, TRUTHS, st.integers(1, 10))
@settings(deadline=None)
def test_metrics_equal_their_definitions(lists, truths, k) -> None:
    recalls, ndcgs, hit_rates = [], [], []
    for customer, relevant in truths.items():
        hits = [rank for rank, item in enumerate(lists.get(customer, [])[:k], 1) if item in relevant]
        ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
        recalls.append(len(hits) / len(relevant))
        ndcgs.append(sum(1 / math.log2(rank + 1) for rank in hits) / ideal)
        hit_rates.append(bool(hits))
    count = max(len(truths), 1)
    metrics = ranking_metrics(as_lists(lists), as_truth(truths), k)
    assert metrics.recall == pytest.approx(sum(recalls) / count)
    assert metrics.ndcg == pytest.approx(sum(ndcgs) / count)
    assert metrics.hit_rate == pytest.approx(sum(hit_rates) / count)
    assert metrics.customers == len(truths)
    assert 0 <= metrics.ndcg <= 1 + 1e-12


def test_a_perfect_list_has_an_ndcg_of_one() -> None:
    assert ranking_metrics(as_lists({1: [4, 2, 9]}), as_truth({1: {2, 4}}), 10).ndcg == pytest.approx(1)


CUTOFF = END - timedelta(days=19)
SETTINGS = Settings(recommender={"min_item_buyers": 2, "neighbours": 10, "stored": 20})  # type: ignore[arg-type]


def evaluated(transactions: pl.DataFrame, horizons: tuple[int, ...] = (7, 20)) -> Evaluation:
    return evaluate(transactions, catalogue(), cutoff=CUTOFF, horizons=horizons, settings=SETTINGS, k=5)


def test_the_table_has_a_row_for_each_placement_horizon_and_method() -> None:
    table = evaluated(made_shop()).table
    assert table.select("placement", "task", "horizon", "method").rows() == [
        (placement, task, horizon, method)
        for placement, task in (("for_you", "all"), ("discover", "new"))
        for horizon in (7, 20)
        for method in ("recommender", "popularity")
    ]


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
    only = transactions.filter((pl.col("customer_id") >= 30) | (pl.col("day") < CUTOFF))
    strangers = only.filter((pl.col("day") < CUTOFF) | (pl.col("customer_id") == 59)).with_columns(
        pl.when(pl.col("day") >= CUTOFF).then(1000).otherwise("customer_id").alias("customer_id")
    )
    table = evaluated(strangers, (20,)).table
    assert table["customers"].to_list() == [1] * 4
    ours, popular = table.filter(method="recommender"), table.filter(method="popularity")
    assert ours["ndcg"].to_list() == popular["ndcg"].to_list()


def test_returns_are_no_purchases_to_be_found() -> None:
    transactions = made_shop()
    after = pl.col("day") >= CUTOFF
    returned = transactions.with_columns(is_return=after & (pl.col("item_id") > 5))
    kept = transactions.filter(~after | (pl.col("item_id") <= 5))
    assert evaluated(returned).table.equals(evaluated(kept).table)


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


def test_an_evaluation_becomes_the_metrics_of_the_card_and_json() -> None:
    evaluation = evaluated(made_shop(), (7,))
    model = train_recommender(
        as_interactions(made_shop()),
        catalogue(),
        trained_through=END,
        settings=SETTINGS.recommender,
        evaluation=evaluation.table,
    )
    assert model.card.metrics == card_metrics(evaluation.table)
    assert model.card.metrics["for_you_7d_popularity_ndcg"] > 0
    facts = json.loads(evaluation.to_json())
    assert facts["cutoff"] == CUTOFF.isoformat()
    assert facts["rows"] == evaluation.table.to_dicts()


@pytest.fixture(scope="module")
def december() -> pl.DataFrame:
    """The table of the real shop for December 2017."""
    result = evaluate(journey(), journey_items(), cutoff=date(2017, 12, 1), horizons=[7, 30], settings=Settings())
    return result.table


def figure(table: pl.DataFrame, placement: str, horizon: int, metric: str, method: str = "recommender") -> float:
    row = table.row(by_predicate=(pl.col("placement") == placement) & (pl.col("horizon") == horizon)
        & (pl.col("method") == method), named=True)  # fmt: skip
    return float(row[metric])


@pytest.mark.parametrize(
    ("placement", "horizon", "metric", "least"),
    [
        ("for_you", 7, "recall", 0.160),
        ("for_you", 7, "ndcg", 0.315),
        ("for_you", 30, "ndcg", 0.427),
        ("discover", 7, "ndcg", 0.0240),
        ("discover", 30, "ndcg", 0.0535),
    ],
)
def test_the_lists_of_the_real_shop_are_as_good_as_promised(december, placement, horizon, metric, least) -> None:
    assert figure(december, placement, horizon, metric) >= least


@pytest.mark.parametrize(("placement", "horizon"), [("for_you", 7), ("for_you", 30), ("discover", 7), ("discover", 30)])
def test_the_lists_of_the_real_shop_beat_popularity(december, placement, horizon) -> None:
    for metric in ("recall", "ndcg", "hit_rate", "coverage"):
        ours = figure(december, placement, horizon, metric)
        assert ours > figure(december, placement, horizon, metric, "popularity")
