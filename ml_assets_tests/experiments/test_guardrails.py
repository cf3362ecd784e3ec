"""An arm that does harm ends its experiment by itself, unless everybody would see that arm then."""

import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.guardrails import breached, stop_breached
from ml_assets.experiments.register import experiment, start
from ml_assets.experiments.report import judge
from ml_assets_tests.experiments.test_register import UTC, asked
from ml_assets_tests.experiments.test_report import outcomes


@pytest.mark.parametrize(
    ("lists", "factor", "is_stopped"), [("none", 0.7, True), ("none", 1.0, False), ("live", 0.7, False)]
)
def test_an_experiment_is_stopped_where_an_arm_does_harm_that_not_everybody_sees(
    connection: ServingConnection, lists: str, factor: float, *, is_stopped: bool
) -> None:
    control = "popular" if lists == "live" else "live"
    arms = {"lists": {"share": 0.5, "list": control}, "nothing": {"share": 0.5, "list": lists}}
    started = start(connection, "worth", asked(arms=arms), UTC)
    report = judge(started, outcomes(factor=factor), 28, 28)
    assert bool(breached([report])) == (factor < 1)
    assert stop_breached(connection, [report]) == (["worth"] if is_stopped else [])
    assert (experiment(connection, "worth").stopped_at is not None) == is_stopped
    # A second look finds nothing more to stop.
    assert stop_breached(connection, [report]) == []


def test_an_experiment_is_stopped_where_an_arm_makes_customers_opt_out(connection: ServingConnection) -> None:
    arms = {"lists": {"share": 0.5, "list": "live"}, "nothing": {"share": 0.5, "list": "none"}}
    started = start(connection, "worth", asked(arms=arms), UTC)
    report = judge(started, outcomes(), 28, 28, {"lists": (2000, 10), "nothing": (2000, 110)})
    assert stop_breached(connection, [report]) == ["worth"]
    assert "Higher for sure: unsubscribed." in (experiment(connection, "worth").stopped_reason or "")
