"""Trials begin where there are customers for them, and end by what their experiments show."""

from datetime import date
from typing import Any

import pytest

from ml_assets.books.models import champion, force_promotion
from ml_assets.books.trials import on_trial
from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.register import experiment, start, stop
from ml_assets.experiments.report import Report, judge
from ml_assets.live.trials import TrialNews, known_trials, tend_trials
from ml_assets.settings.recommender import RecommenderSettings, SelectionSettings
from ml_assets.settings.shop import Settings
from ml_assets_tests.books.models import add_model
from ml_assets_tests.experiments.test_register import UTC, asked
from ml_assets_tests.experiments.test_report import outcomes
from ml_assets_tests.releases.frames import UNJUDGED, recommendations, release

LIST, NAME = "for_you", "challenger_for_you_1"
SUNDAY, MONDAY = date(2026, 1, 11), date(2026, 1, 12)


def settings_of(promotion: str = "live", **recommender: Any) -> Settings:
    selection = SelectionSettings.model_validate({"promotion": promotion, "trial": {"traffic": 0.6, "days": 28}})
    return Settings.model_construct(recommender=RecommenderSettings(selection=selection, **recommender), timezone="UTC")


def add(connection: ServingConnection, decision: str, method: str, placement: str = LIST) -> None:
    more: dict[str, Any] = {"version": f"{method}-11", "placement": placement, "method": method}
    add_model(connection, "recommender", SUNDAY, decision=decision, **more)


@pytest.fixture
def shop(connection: ServingConnection) -> ServingConnection:
    """Customers with lists by best-sellers, and EASE on trial."""
    release(connection, recommendations(range(1, 401)), gates=UNJUDGED)
    add(connection, "on_trial", "ease")
    add(connection, "promoted", "popularity")
    return connection


def tend(shop: ServingConnection, *reports: Report, settings: Settings | None = None) -> TrialNews:
    return tend_trials(shop, settings or settings_of(), reports)


def judged(shop: ServingConnection, factor: float) -> Report:
    frame = outcomes(factor=factor)
    arms = frame["arm"].replace({"lists": "champion", "nothing": "challenger"})
    return judge(experiment(shop, NAME), frame.with_columns(arms), 28, 28)


def scoring(shop: ServingConnection) -> str:
    found = champion(shop, "recommender", date.max, LIST)
    return found.method if found else "none"


def test_a_trial_begins_by_itself_once_and_tells_the_training_what_runs(shop: ServingConnection) -> None:
    assert tend(shop).begun == {"for_you, ease": NAME}
    begun = experiment(shop, NAME)
    assert [(arm.name, arm.share, arm.list) for arm in begun.arms] == [
        ("champion", 0.5, "live"), ("challenger", 0.5, "challenger:ease")
    ]  # fmt: skip
    assert begun.ends_at is not None
    assert (begun.slice_until, (begun.ends_at - begun.started_at).days) == (0.6, 28)
    assert tend(shop) == TrialNews()
    known = known_trials(shop, settings_of(), MONDAY)
    assert known is not None
    assert (known.running, known.dropped, known.may_begin) == ({LIST: "ease"}, {}, True)
    old = known_trials(shop, settings_of(), SUNDAY)
    assert old is not None
    assert not old.may_begin
    assert known_trials(shop, settings_of("backtest"), MONDAY) is None


def test_a_trial_waits_while_no_customer_is_free_and_stays_in_the_layer_of_the_others(shop: ServingConnection) -> None:
    start(shop, "worth", asked(layer="mine", traffic=0.5), UTC)
    words = tend(shop).waiting["for_you, ease"]
    assert words.startswith("it waits for customers. The layer mine has no room for 60%")
    assert [trial.method for trial in on_trial(shop)] == ["ease"]
    stop(shop, "worth", "enough")
    assert tend(shop).begun == {"for_you, ease": NAME}


def test_a_trial_without_a_live_list_waits(connection: ServingConnection) -> None:
    add(connection, "on_trial", "ease")
    assert "has no customers in the arm champion, challenger" in tend(connection).waiting["for_you, ease"]


@pytest.mark.parametrize(("factor", "scores"), [(1.3, "ease"), (0.7, "popularity")])
def test_who_wins_scores_and_who_loses_is_dropped(shop: ServingConnection, factor: float, scores: str) -> None:
    tend(shop)
    assert tend(shop, judged(shop, 1.0)) == TrialNews()
    ended = tend(shop, judged(shop, factor)).ended["for_you, ease"]
    assert scoring(shop) == scores
    assert "revenue than champion after 28 days" in ended
    assert experiment(shop, NAME).stopped_reason == f"By itself. {ended}"
    known = known_trials(shop, settings_of(), MONDAY)
    assert known is not None
    assert (known.running, [*known.dropped]) == ({}, [(LIST, "ease")] if factor < 1 else [])
    # A trial of the same method later is another one.
    add_model(shop, "recommender", MONDAY, decision="on_trial", version="e2", placement=LIST, method="ease")
    assert tend(shop).begun == {"for_you, ease": "challenger_for_you_2"}


def test_a_trial_that_somebody_stops_or_that_the_settings_want_no_more_is_dropped(shop: ServingConnection) -> None:
    add(shop, "on_trial", "ease", "discover")
    assert len(tend(shop).begun) == 2
    stop(shop, NAME, "too dear")
    no_list = settings_of(placements={"discover": {"enabled": False}})
    assert tend(shop, settings=no_list).ended == {
        "discover, ease": "Dropped, as the list discover is not made any more.",
        "for_you, ease": "Dropped, as its experiment was stopped: too dear",
    }
    add(shop, "on_trial", "tifu_knn")
    assert tend(shop).begun == {"for_you, tifu_knn": "challenger_for_you_2"}
    assert "promotion is not live any more" in tend(shop, settings=settings_of("backtest")).ended["for_you, tifu_knn"]
    assert on_trial(shop) == []
    assert experiment(shop, "challenger_for_you_2").stopped_at is not None


def test_an_experiment_ends_when_its_challenger_is_promoted_by_force(shop: ServingConnection) -> None:
    tend(shop)
    force_promotion(shop, "ease-11", LIST, "We know better.")
    assert tend(shop) == TrialNews()
    assert experiment(shop, NAME).stopped_reason == "Its challenger is not on trial any more."
    assert scoring(shop) == "ease"


def test_an_experiment_goes_on_where_an_older_challenger_is_promoted_by_force(shop: ServingConnection) -> None:
    tend(shop)
    add_model(shop, "recommender", MONDAY, decision="on_trial", version="e2", placement=LIST, method="ease")
    force_promotion(shop, "ease-11", LIST, "We know better.")
    assert tend(shop) == TrialNews()
    assert experiment(shop, NAME).stopped_at is None
    assert [trial.method for trial in on_trial(shop)] == ["ease"]
