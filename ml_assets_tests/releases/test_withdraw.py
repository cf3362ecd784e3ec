"""What a shop does not make: withdrawn where runs made it, left where somebody imported it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ml_assets.alerts.look.collect import collect
from ml_assets.books.freshness import read_freshness, sync_policies
from ml_assets.cli.inputs.made import require_possible
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.releases.catalog import live_days
from ml_assets.releases.publish import Publication, publish
from ml_assets.releases.withdraw import withdraw_unmade
from ml_assets.settings.shop import Settings
from ml_assets_tests.releases import frames
from ml_assets_tests.releases.frames import MONDAY, UNJUDGED

WITHOUT = Settings.model_validate({"recommender": {"enabled": False}})
OF_TOTALS = Settings.model_validate({"source": {"events": "x.csv", "columns": {"item": None}}})


def lists(connection: ServingConnection, day: int, run_id: str | None) -> None:
    more: dict[str, Any] = {"model_version": f"m-{day}", "run_id": run_id, "k": 2, "gates": UNJUDGED}
    publish(connection, Publication("recommendations", frames.recommendations(), MONDAY + timedelta(days=day), **more))


def test_imported_lists_stay_where_the_shop_switched_its_own_off(connection: ServingConnection) -> None:
    lists(connection, 0, "a-run")
    assert withdraw_unmade(connection, Settings()) == []
    (told,) = withdraw_unmade(connection, WITHOUT)
    assert told.startswith("recommendations is not made any more and not shown: recommender.enabled is false.")
    lists(connection, 1, None)
    assert withdraw_unmade(connection, WITHOUT) == []
    assert live_days(connection) == {"recommendations": MONDAY + timedelta(days=1)}
    require_possible(WITHOUT, "recommendations")
    # Where orders name no items nobody's lists are of them.
    assert len(withdraw_unmade(connection, OF_TOTALS)) == 1
    with pytest.raises(UserError, match=r"source\.columns\.item: null"):
        require_possible(OF_TOTALS, "recommendations")


def test_imported_lists_are_watched_where_the_shop_switched_its_own_off(connection: ServingConnection) -> None:
    sync_policies(connection, WITHOUT)
    assert "recommendations" not in {row.subject for row in read_freshness(connection)}
    withdraw_unmade(connection, WITHOUT)
    lists(connection, 1, None)
    sync_policies(connection, WITHOUT)
    withdraw_unmade(connection, WITHOUT)
    assert "recommendations" in {row.subject for row in read_freshness(connection)}
    why = connection.execute(connection.schemas.sql("SELECT subject FROM {ml}.not_made")).fetchall()
    assert "recommendations" not in {subject for (subject,) in why}
    later = datetime.combine(MONDAY + timedelta(days=30), datetime.min.time(), UTC)
    found = collect(connection, WITHOUT, later, watch_dagster=False).findings
    (stale,) = [one for one in found if one.subject == "recommendations"]
    assert (stale.cause, stale.next_step) == ("stale", "`ml-assets import recommendations FILE`")
