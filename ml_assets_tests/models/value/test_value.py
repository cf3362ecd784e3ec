"""Customer value: which method wins, what is kept of it, and what happens in odd shops."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ml_assets.errors import UserError
from ml_assets.features.customers import build_customer_features
from ml_assets.models.cards import ModelCard
from ml_assets.models.selection.promotion import decide_value
from ml_assets.models.value import contest
from ml_assets.models.value.boosted import Boosted
from ml_assets.models.value.contest import METHODS, Winners, hold
from ml_assets.models.value.model import CustomerValueModel, plausibility
from ml_assets.models.value.train import Past, train_value
from ml_assets.models.value.window import READ, spend_cap, window_between
from ml_assets_tests.features.lines import Line, day, journey, line, lines

AS_OF = date(2017, 11, 30)
TODAY = 333
"""The day, of lines that are made here."""
SEED = 20170101
Shop = tuple[pl.DataFrame, Past]


def shop_of(transactions: pl.LazyFrame, as_of: date) -> Shop:
    """The customer features of a day, and of 90 and 180 days before."""
    newest, quarter, half = (
        build_customer_features(transactions, None, as_of=as_of - timedelta(days=back), lookback_days=400).collect()
        for back in (0, 90, 180)
    )
    return newest, Past(half, quarter)


def shop_with(*rows: Line) -> Shop:
    return shop_of(lines(*rows), day(TODAY))


def train(shop: Shop) -> CustomerValueModel:
    return train_value(*shop, trained_through=AS_OF, seed=SEED)


def made_shop(customers: int = 150, *, amount: float | None = 10.0) -> list[Line]:
    """Customers from 1 on, who come at a pace of their own for most of a year."""
    rng = np.random.default_rng(0)
    made = []
    for customer in range(1, customers + 1):
        at, every = float(rng.uniform(0, 60)), float(rng.uniform(5, 80))
        while at <= TODAY:
            paid = None if amount is None else amount * float(rng.gamma(2.0))
            made.append(line(customer, 1, int(at), amount=paid))
            at += float(rng.exponential(every)) + 1
    return made


@pytest.fixture(scope="module")
def grocer() -> Shop:
    return shop_of(journey().lazy(), AS_OF)


@pytest.fixture(scope="module")
def model(grocer: Shop) -> CustomerValueModel:
    return train(grocer)


def test_all_methods_are_judged_on_days_that_none_has_seen(model: CustomerValueModel) -> None:
    metrics = model.card.metrics
    assert model.card.name == "customer_value"
    assert model.card.parameters["left_out"] == {}
    for name in (*METHODS, "last_90d"):
        assert metrics[f"{name}_mae"] > 0
        assert 0 < metrics[f"{name}_spearman"] < 1
        assert 0 <= metrics[f"{name}_brier"] < 0.25
        assert {f"{name}_decile{number}_{kind}" for number in range(1, 11) for kind in ("expected", "actual")} <= set(
            metrics
        )
    for figure in ("mae", "brier"):
        winner = str(model.card.parameters[{"mae": "spend_method", "brier": "alive_method"}[figure]])
        simpler = list(METHODS)[: list(METHODS).index(winner)]
        best = min(metrics[f"{name}_{figure}"] for name in METHODS)
        assert metrics[figure] == metrics[f"{winner}_{figure}"] <= 1.02 * best
        assert all(metrics[f"{name}_{figure}"] > 1.02 * best for name in simpler)


def test_the_winner_is_better_than_the_last_90_days_and_calibrated(model: CustomerValueModel) -> None:
    metrics, winner = model.card.metrics, model.card.parameters["spend_method"]
    assert metrics["mae"] <= 1.02 * metrics["last_90d_mae"]
    assert metrics["brier"] < metrics["last_90d_brier"]
    assert metrics["total"] == pytest.approx(1.0, abs=0.15)
    for number in range(3, 11):
        expected, actual = (metrics[f"{winner}_decile{number}_{kind}"] for kind in ("expected", "actual"))
        assert expected == pytest.approx(actual, rel=0.35), number


def test_every_customer_has_both_numbers_within_their_bounds(model: CustomerValueModel, grocer: Shop) -> None:
    features = grocer[0]
    value = model.predict(features)
    assert value.schema == {
        "customer_id": features.schema["customer_id"],
        "alive_probability": pl.Float64,
        "expected_spend_90d": pl.Float64,
    }
    assert value["customer_id"].equals(features["customer_id"])
    assert value["alive_probability"].is_between(0, 1).all()
    assert value["expected_spend_90d"].is_finite().all()
    assert (value["expected_spend_90d"] >= 0).all()
    assert plausibility(features, value, model.cap).is_given
    assert model.predict(features.clear()).height == 0


def test_training_again_on_shuffled_rows_gives_the_same_model(model: CustomerValueModel, grocer: Shop) -> None:
    features, past = grocer
    again = train((features.reverse(), Past(past.half_year_ago.reverse(), past.quarter_ago.reverse())))
    assert again.card.version == model.card.version
    assert again.predict(features).equals(model.predict(features))


def test_a_model_survives_saving_and_loading(model: CustomerValueModel, grocer: Shop, tmp_path: Path) -> None:
    loaded = CustomerValueModel.load(tmp_path, model.save(tmp_path))
    assert loaded.card == model.card
    assert loaded.predict(grocer[0]).equals(model.predict(grocer[0]))


@pytest.mark.parametrize("name", METHODS)
def test_each_method_survives_saving_and_loading(grocer: Shop, name: str, tmp_path: Path) -> None:
    features, past = grocer
    window = window_between(past.quarter_ago, features)
    fitted = contest.fitted(name, window, seed=SEED)
    card = train_value(features, "a test", trained_through=AS_OF, seed=SEED).card
    made = CustomerValueModel(card, fitted, fitted, 1e6)
    made.save(tmp_path)
    assert CustomerValueModel.load(tmp_path).predict(features).equals(made.predict(features))


def test_a_model_of_another_kind_is_refused(model: CustomerValueModel, tmp_path: Path) -> None:
    other: ModelCard = model.card.model_copy(update={"name": "segmentation"})
    CustomerValueModel(other, model.spend, model.ordered, model.cap).save(tmp_path)
    with pytest.raises(UserError, match="is a segmentation"):
        CustomerValueModel.load(tmp_path)


def test_a_simpler_method_wins_while_it_is_nearly_as_good() -> None:
    window = window_between(*_two(shop_with(*made_shop())))
    scores = contest.Calibrated(METHODS["naive"]()).scores(window.known, 1e9)
    judged = contest.judge(scores, window)
    for errors, winner in {
        (100.0, 100.0, 99.0): "naive",
        (103.0, 100.0, 99.0): "bg_nbd",
        (103.0, 103.0, 99.0): "boosted",
        (90.0, 103.0, 99.0): "naive",
    }.items():
        rivals = {
            name: contest.Judged(error, judged.spearman, error, judged.total, judged.deciles)
            for name, error in zip(METHODS, errors, strict=True)
        }
        assert contest.Contest(rivals, judged).winners() == Winners(winner, winner)


def test_the_live_method_stays_while_it_is_nearly_as_good() -> None:
    figures = {"naive": 100.0, "bg_nbd": 99.0, "boosted": 98.5}
    judged = {name: contest.Judged(error, 0.5, error, 1.0, ()) for name, error in figures.items()}
    held = contest.Contest(judged, judged["naive"])
    assert held.winners() == Winners("naive", "naive")
    assert held.winners(Winners("boosted", "bg_nbd")) == Winners("boosted", "bg_nbd")
    worse = contest.Contest(judged | {"boosted": contest.Judged(90.0, 0.5, 90.0, 1.0, ())}, judged["naive"])
    assert worse.winners(Winners("naive", "bg_nbd")) == Winners("boosted", "boosted")
    assert held.winners(Winners("gone", "")) == Winners("naive", "naive")


def _two(shop: Shop) -> tuple[pl.DataFrame, pl.DataFrame]:
    return shop[1].quarter_ago, shop[0]


def test_a_method_that_cannot_be_fitted_takes_no_part_and_the_card_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise UserError("LightGBM cannot be loaded (libgomp).", "Install OpenMP.")

    monkeypatch.setattr(Boosted, "fit", missing)
    model = train(shop_with(*made_shop()))
    assert model.card.parameters["left_out"] == {"boosted": "LightGBM cannot be loaded (libgomp)."}
    assert model.card.parameters["spend_method"] in ("naive", "bg_nbd")


def test_what_customers_do_next_is_read_from_the_later_features() -> None:
    before, after = TODAY - 120, TODAY - 60
    stays, leaves, comes = 1, 2, 3
    shop = shop_with(
        line(stays, 1, before), line(stays, 1, after, amount=7.0), line(leaves, 1, before), line(comes, 1, after)
    )
    window = window_between(*_two(shop))
    assert window.known["customer_id"].to_list() == [stays, leaves]
    assert window.spend.tolist() == [7.0, 0.0]
    assert window.ordered.tolist() == [1.0, 0.0]


def test_a_short_history_is_continued_as_it_was_and_says_so() -> None:
    features, _ = shop_with(line(1, 1, TODAY - 20, amount=30.0), line(2, 1, TODAY - 20, amount=-5.0, returned=True))
    model = train_value(features, "The history begins late.", trained_through=AS_OF, seed=SEED)
    value = model.predict(features)
    assert value["expected_spend_90d"].to_list() == [30.0, 0.0]
    assert value["alive_probability"].to_list() == [pytest.approx(0.6321), 0.0]
    assert model.card.parameters["spend_method"] == model.card.parameters["alive_method"] == "naive"
    assert model.card.parameters["why_no_contest"] == "The history begins late."
    assert model.card.metrics == {}
    assert "begins late" in decide_value(model.card).reason


WHALE = 1_000


def whale() -> list[Line]:
    return [*made_shop(), line(WHALE, 1, TODAY - 50, amount=10_000_000.0), line(WHALE, 1, TODAY - 210)]


def alike() -> list[Line]:
    return [line(customer, 1, number, amount=5.0) for customer in range(120) for number in range(4, TODAY, 7)]


def returned() -> list[Line]:
    return [*made_shop(), *(line(number, 1, TODAY - 10, amount=-500.0, returned=True) for number in range(1, 41))]


def ended() -> list[Line]:
    return [one for one in made_shop() if one[3] < day(120)]


ODD = {
    "one customer": [line(1, 1, 60), line(1, 1, 300)],
    "all alike": alike(),
    "returns only": [line(1, 1, 300, amount=-9.0, returned=True)],
    "more returned than bought": returned(),
    "one row of ten million": whale(),
    "a single day": [line(number, 1, TODAY) for number in range(300)],
    "no amounts": made_shop(amount=None),
    "nothing paid": made_shop(amount=0.0),
    "nobody came again": ended(),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_shops_get_finite_values_within_their_bounds(name: str, tmp_path: Path) -> None:
    shop = shop_with(*ODD[name])
    model = train(shop)
    value = model.predict(shop[0])
    assert value["expected_spend_90d"].is_finite().all()
    assert (value["expected_spend_90d"] >= 0).all()
    assert value["alive_probability"].is_between(0, 1).all()
    assert plausibility(shop[0], value, model.cap).is_given, plausibility(shop[0], value, model.cap).sentence
    loaded = CustomerValueModel.load(tmp_path, model.save(tmp_path))
    assert loaded.predict(shop[0]).equals(value)
    assert decide_value(model.card).promoted


def test_one_row_of_ten_million_changes_what_is_expected_of_nobody_else() -> None:
    usual, odd = shop_with(*made_shop()), shop_with(*whale())
    before, after = (train(shop).predict(shop[0]).filter(pl.col("customer_id") != WHALE) for shop in (usual, odd))
    total = before["expected_spend_90d"].sum()
    assert after["expected_spend_90d"].sum() == pytest.approx(total, rel=0.25)
    model = train(odd)
    assert model.predict(odd[0]).filter(pl.col("customer_id") == WHALE)["expected_spend_90d"][0] == pytest.approx(
        model.cap
    )
    assert model.cap < 1e5


def test_a_shop_whose_customers_are_all_alike_expects_the_same_of_each() -> None:
    shop = shop_with(*alike())
    value = train(shop).predict(shop[0])
    assert value["expected_spend_90d"].n_unique() == 1
    assert value["expected_spend_90d"][0] == pytest.approx(13 * 5.0, rel=0.1)
    assert value["alive_probability"][0] == pytest.approx(1.0)


def test_features_that_are_no_numbers_give_numbers() -> None:
    newest, past = shop_with(*made_shop())
    broken = newest.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(float("nan")).when(pl.int_range(pl.len()) == 1).then(float("inf"))
        .otherwise(pl.col("spend_90d")).alias("spend_90d"),
        pl.when(pl.int_range(pl.len()) > 2).then(pl.col("mean_gap_days")).alias("mean_gap_days"),
    )  # fmt: skip
    value = train((broken, past)).predict(broken)
    assert value["expected_spend_90d"].is_finite().all()
    assert value["alive_probability"].is_between(0, 1).all()


def test_nobody_to_value_is_told() -> None:
    newest, past = shop_with(*made_shop(3))
    with pytest.raises(UserError, match="no customers to value"):
        train((newest.clear(), past))


def test_a_sum_out_of_proportion_is_seen() -> None:
    features = pl.DataFrame({"customer_id": [1, 2], "spend_90d": [100.0, -20.0]})
    for expected, is_given in {100.0: True, 34.0: True, 33.0: False, 301.0: False}.items():
        value = pl.DataFrame({"customer_id": [1, 2], "expected_spend_90d": [expected, 0.0]})
        assert plausibility(features, value, float("inf")).is_given == is_given
    nothing = features.with_columns(spend_90d=0.0)
    assert plausibility(nothing, value, float("inf")).is_given


def test_only_the_columns_that_are_read_make_its_version(model: CustomerValueModel, grocer: Shop) -> None:
    features, past = grocer
    more = features.with_columns(unread=pl.lit(1.0))
    again = train_value(more, past, trained_through=AS_OF, seed=SEED)
    assert again.card.version == model.card.version
    assert set(READ) <= set(features.columns)


def test_the_cap_is_drawn_by_the_others() -> None:
    assert spend_cap(np.array([1.0, 2.0, 1e7])) == 20.0
    assert spend_cap(np.array([0.0, 5.0])) == float("inf")
    assert spend_cap(np.empty(0)) == float("inf")


def test_the_contest_judges_capped_spend() -> None:
    newest, past = shop_with(*whale())
    fitting, judging = window_between(past.half_year_ago, past.quarter_ago), window_between(past.quarter_ago, newest)
    cap = spend_cap(fitting.spend)
    judged = hold(fitting, judging, cap, seed=SEED).judged
    assert judged["naive"].mae < cap
