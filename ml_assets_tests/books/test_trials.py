"""A challenger on trial scores nobody's list by itself, and its end is kept."""

from datetime import date, timedelta
from typing import Any

import pytest

from ml_assets.books.models import champion, decline, force_promotion, list_models, newest_refusals, trained_on
from ml_assets.books.trials import challenger, dropped_methods, end_trial, on_trial
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets_tests.books.models import add_model

LIST = "for_you"
LATER = date(2026, 2, 1)


def add(connection: ServingConnection, day: int, decision: str, method: str, **more: Any) -> None:
    facts = {"version": f"{method}-{day}", "placement": LIST, "method": method, "decision": decision} | more
    add_model(connection, "recommender", date(2026, 1, day), **facts)


@pytest.fixture
def tried(connection: ServingConnection) -> ServingConnection:
    """Two weeks with a challenger on trial beside the method that scores."""
    for day in (4, 11):
        add(connection, day, "on_trial", "ease")
        add(connection, day, "promoted", "popularity")
    # Trained later than the champion of its week, which changes nothing.
    add(connection, 11, "on_trial", "ease", version="ease-11b")
    return connection


def scoring(connection: ServingConnection, before: date = LATER) -> str:
    found = champion(connection, "recommender", before, LIST)
    return found.version if found else "none"


def decisions(connection: ServingConnection) -> dict[str, str]:
    return {one.version: one.decision for one in list_models(connection, "recommender") if one.method == "ease"}


def test_what_is_on_trial_scores_nobody_and_stands_for_no_week(tried: ServingConnection) -> None:
    assert scoring(tried) == "popularity-11"
    own = trained_on(tried, "recommender", date(2026, 1, 11), LIST)
    assert own is not None
    assert own.version == "popularity-11"
    assert newest_refusals(tried) == []
    assert [(one.placement, one.method) for one in on_trial(tried)] == [(LIST, "ease")]
    shown = {day: challenger(tried, LIST, "ease", date(2026, 1, day)) for day in (4, 5, 11, 12)}
    assert {day: one.version if one else None for day, one in shown.items()} == {
        4: None, 5: "ease-4", 11: "ease-4", 12: "ease-11b"
    }  # fmt: skip
    assert challenger(tried, "discover", "ease", LATER) is None


def test_a_challenger_on_trial_hides_no_refusal(tried: ServingConnection) -> None:
    add(tried, 18, "refused", "popularity", reason="Worse.")
    add(tried, 18, "on_trial", "ease")
    assert newest_refusals(tried) == [("recommender", date(2026, 1, 18), ["for_you: Worse."])]


def test_the_newest_model_of_a_won_trial_scores_and_no_day_of_the_past_changes(tried: ServingConnection) -> None:
    before = scoring(tried, date(2026, 1, 11))
    # As in a training, the champion of the week is registered last.
    add(tried, 11, "promoted", "popularity", version="popularity-11b")
    assert scoring(tried) == "popularity-11b"
    assert end_trial(tried, LIST, "ease", is_won=True, reason="It sells more.") == 3
    assert decisions(tried) == {"ease-4": "refused", "ease-11": "refused", "ease-11b": "promoted"}
    assert scoring(tried) == "ease-11b"
    assert scoring(tried, date(2026, 1, 11)) == before == "popularity-4"
    assert on_trial(tried) == []
    assert (newest_refusals(tried), dropped_methods(tried, 90)) == ([], [])
    # What is trained later scores again.
    add(tried, 11, "promoted", "popularity", version="again")
    assert scoring(tried) == "again"


def test_a_dropped_method_is_remembered_and_not_tried_again_by_a_training_of_its_week(tried: ServingConnection) -> None:
    assert end_trial(tried, LIST, "ease", is_won=False, reason="It sells less.") == 3
    assert set(decisions(tried).values()) == {"dropped"}
    assert scoring(tried) == "popularity-11"
    add(tried, 11, "on_trial", "ease")
    assert (on_trial(tried), newest_refusals(tried)) == ([], [])
    (one,) = dropped_methods(tried, 90)
    today = tried.execute("SELECT (now() AT TIME ZONE timezone)::date FROM ml_meta.shop").fetchone()
    assert (one.placement, one.method, (one.again_from - timedelta(days=90),)) == (LIST, "ease", today)
    tried.execute("UPDATE ml_meta.models SET trial_ended_at = now() - interval '91 days' WHERE decision = 'dropped'")
    assert dropped_methods(tried, 90) == []
    # Its lists can still be made, for an experiment of somebody's own.
    found = challenger(tried, LIST, "ease", LATER)
    assert found is not None
    assert found.trial_reason == "It sells less."


def test_a_challenger_is_promoted_by_force_which_ends_its_trial(tried: ServingConnection) -> None:
    with pytest.raises(UserError, match="ease-11 is on trial, so there is nothing to refuse"):
        decline(tried, "ease-11", "no", who="me", kind="recommender")
    assert force_promotion(tried, "ease-11", LIST, "We know better.").decision == "on_trial"
    assert scoring(tried) == "ease-11"
    assert on_trial(tried) == []
    assert decisions(tried) == {"ease-4": "refused", "ease-11": "promoted", "ease-11b": "refused"}


def test_an_older_challenger_that_is_promoted_by_force_leaves_the_newer_on_trial(tried: ServingConnection) -> None:
    (before,) = on_trial(tried)
    force_promotion(tried, "ease-4", LIST, "We know better.")
    assert decisions(tried) == {"ease-4": "promoted", "ease-11": "on_trial", "ease-11b": "on_trial"}
    assert scoring(tried) == "popularity-11"
    # It is the trial that it was, so that its experiment goes on.
    assert on_trial(tried) == [before]
    end_trial(tried, LIST, "ease", is_won=False, reason="It sells less.")
    add(tried, 18, "on_trial", "ease")
    tried.execute("UPDATE ml_meta.models SET registered_at = now() + interval '1 day' WHERE version = 'ease-18'")
    (after,) = on_trial(tried)
    assert after.begun_at > before.begun_at


def test_a_dropped_model_is_promoted_by_force(tried: ServingConnection) -> None:
    end_trial(tried, LIST, "ease", is_won=False, reason="It sells less.")
    with pytest.raises(UserError, match="was dropped by its trial"):
        decline(tried, "ease-11", "no", who="me", kind="recommender")
    force_promotion(tried, "ease-11", LIST, "We know better.")
    assert scoring(tried) == "ease-11"
