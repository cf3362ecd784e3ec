"""The registry knows which model scores a day."""

from datetime import date
from typing import Any

from ml_assets.books.models import champion, list_models
from ml_assets.database.connection import ServingConnection
from ml_assets_tests.books.models import add_model


def add(connection: ServingConnection, day: int, decision: str = "promoted", **more: Any) -> None:
    facts: dict[str, Any] = {"version": f"recommender-{day}", "metrics": {"ndcg": 0.3}, "reason": "The first."}
    add_model(connection, "recommender", date(2026, 1, day), decision=decision, **(facts | more))


def test_the_champion_is_the_newest_promoted_model_that_saw_nothing_of_the_day(connection: ServingConnection) -> None:
    for day, decision in ((4, "promoted"), (11, "promoted"), (18, "refused")):
        add(connection, day, decision)
    chosen = {
        before: found.version if (found := champion(connection, "recommender", date(2026, 1, before))) else None
        for before in (4, 5, 11, 12, 30)
    }
    assert chosen == {4: None, 5: "recommender-4", 11: "recommender-4", 12: "recommender-11", 30: "recommender-11"}
    assert champion(connection, "segmentation", date(2026, 1, 30)) is None


def test_registering_again_updates_the_row_and_never_demotes(connection: ServingConnection) -> None:
    add(connection, 4)
    add(connection, 4, "refused", artifact="elsewhere", reason="Worse.")
    (model,) = list_models(connection, "recommender")
    assert (model.decision, model.reason, model.artifact) == ("promoted", "The first.", "elsewhere")
    assert (model.metrics, model.checksum) == ({"ndcg": 0.3}, "123")


def test_a_refused_model_can_be_promoted_later(connection: ServingConnection) -> None:
    add(connection, 4, "refused")
    add(connection, 4, "promoted", reason="Looked at.")
    found = champion(connection, "recommender", date(2026, 2, 1))
    assert found is not None
    assert found.reason == "Looked at."
