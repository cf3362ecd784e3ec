"""Customer value: which method wins, and what is kept of it."""

from pathlib import Path

import polars as pl
import pytest

from ml_assets.errors import UserError
from ml_assets.models.cards import ModelCard
from ml_assets.models.selection.promotion import decide_value
from ml_assets.models.value import contest
from ml_assets.models.value.boosted import Boosted
from ml_assets.models.value.contest import METHODS, Winners
from ml_assets.models.value.model import CustomerValueModel, as_shown, plausibility
from ml_assets.models.value.train import Past, train_value
from ml_assets.models.value.window import READ, window_between
from ml_assets_tests.features.lines import journey, line
from ml_assets_tests.models.value.made_shops import AS_OF, SEED, TODAY, Shop, made_shop, shop_of, shop_with, train


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


def test_a_sum_out_of_proportion_is_seen() -> None:
    features = pl.DataFrame({"customer_id": [1, 2], "spend_90d": [100.0, -20.0]})
    for expected, is_given in {100.0: True, 34.0: True, 33.0: False, 301.0: False}.items():
        value = pl.DataFrame({"customer_id": [1, 2], "expected_spend_90d": [expected, 0.0]})
        assert plausibility(features, value, float("inf")).is_given == is_given
    nothing = features.with_columns(spend_90d=0.0)
    assert plausibility(nothing, value, float("inf")).is_given


def test_of_a_shop_without_amounts_people_read_who_orders_and_no_spend() -> None:
    features = pl.DataFrame({"customer_id": [1], "spend_90d": [40.0], "spend_in_pieces": [True]})
    value = pl.DataFrame({"customer_id": [1], "alive_probability": [0.5], "expected_spend_90d": [30.0]})
    shown = as_shown(value, features)
    assert shown.row(0) == (1, 0.5, None)
    assert shown.schema == value.schema
    assert as_shown(value, features.with_columns(spend_in_pieces=False)).equals(value)
    judged = plausibility(features, value, float("inf"))
    assert judged.facts == {"expected_pieces_90d": 30.0, "pieces_of_the_last_90d": 40.0}
    assert judged.sentence.startswith("In the next 90 days 30 pieces are expected, in the last there were 40")


def test_a_model_of_pieces_says_that_it_is_one(grocer: Shop) -> None:
    features, _ = grocer
    counted = train_value(features.with_columns(spend_in_pieces=True), "short", trained_through=AS_OF, seed=SEED)
    assert counted.card.parameters["spend_counts"] == "pieces"
    assert "spend_counts" not in train_value(features, "short", trained_through=AS_OF, seed=SEED).card.parameters


def test_only_the_columns_that_are_read_make_its_version(model: CustomerValueModel, grocer: Shop) -> None:
    features, past = grocer
    more = features.with_columns(unread=pl.lit(1.0))
    again = train_value(more, past, trained_through=AS_OF, seed=SEED)
    assert again.card.version == model.card.version
    assert set(READ) <= set(features.columns)
