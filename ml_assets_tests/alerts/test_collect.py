"""What the database alone shows: blocked releases, refused challengers, drift, a shop that is being set up."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ml_assets.alerts.finding import Finding
from ml_assets.alerts.look.collect import collect
from ml_assets.books.freshness import read_freshness, sync_policies
from ml_assets.books.models import force_promotion
from ml_assets.books.unread import note_read, note_unread
from ml_assets.database.connection import ServingConnection
from ml_assets.settings.shop import Settings
from ml_assets.subjects import SUBJECTS
from ml_assets_tests.alerts.shops import arrive, set_up
from ml_assets_tests.books.models import add_model
from ml_assets_tests.releases import frames
from ml_assets_tests.releases.frames import MONDAY, release

NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
SETTINGS = Settings.model_validate({"live_quality": {"days_below": 3}})


def findings(connection: ServingConnection, now: datetime = NOON) -> dict[str, Finding]:
    seen = collect(connection, SETTINGS, now)
    # Incidents of a collector that did not look would stay open for good.
    assert {one.collector for one in seen.findings} <= seen.collectors
    return {one.key: one for one in seen.findings}


def add(connection: ServingConnection, placement: str, through: date, decision: Any, reason: str = "") -> None:
    more = {"version": f"r-{through}", "decision": decision, "reason": reason, "placement": placement}
    add_model(connection, "recommender", through, **more)


@pytest.fixture
def shop(connection: ServingConnection) -> ServingConnection:
    set_up(connection, SETTINGS, day=MONDAY, created=NOON - timedelta(days=400))
    return connection


def test_a_fresh_shop_has_no_findings(shop: ServingConnection) -> None:
    assert findings(shop) == {}


def test_a_blocked_release_is_told_until_a_later_one_passes(shop: ServingConnection) -> None:
    release(shop, frames.recommendations().clear(), day=1)
    found = findings(shop)["recommendations/blocked"]
    assert found.severity == "error"
    assert found.summary.startswith("The release of 2026-01-06 was blocked: ")
    arrive(shop, MONDAY + timedelta(days=1))
    assert findings(shop) == {}


def test_a_blocked_backfill_of_an_older_day_is_nobodys_business(shop: ServingConnection) -> None:
    release(shop, frames.recommendations().clear(), day=-3)
    assert findings(shop) == {}


def test_refused_challengers_are_one_warning_with_the_reason_of_each_placement(shop: ServingConnection) -> None:
    shop.execute("DELETE FROM ml_meta.models WHERE kind = 'recommender'")
    before, newest = MONDAY - timedelta(days=8), MONDAY - timedelta(days=1)
    for placement in ("for_you", "discover", "dropped"):
        add(shop, placement, before, "refused" if placement == "dropped" else "promoted", "Old.")
    add(shop, "for_you", newest, "refused", "It is worse.")
    add(shop, "discover", newest, "promoted")
    found = findings(shop)["recommender_model/refused"]
    assert found.severity == "warning"
    assert found.summary == (
        "Trained through 2026-01-04 and refused: for_you: It is worse. The champion keeps scoring."
    )
    # What scores for_you is a week old, and so is the recommender.
    ages = {row.subject: row.data_as_of for row in read_freshness(shop, NOON)}
    assert ages["recommender_model"] == before
    force_promotion(shop, f"r-{newest}", "for_you", "we know better")
    assert findings(shop) == {}
    assert {row.subject: row.data_as_of for row in read_freshness(shop, NOON)}["recommender_model"] == newest


@pytest.mark.parametrize(("statuses", "severity"), [(["warn", "ok"], "warning"), (["warn", "error"], "error")])
def test_drift_of_the_newest_measured_day_is_told(shop: ServingConnection, statuses: list[str], severity: str) -> None:
    for day in (0, 1):
        for number, status in enumerate(statuses):
            shop.execute(
                "INSERT INTO ml_meta.drift VALUES (%s, 'customer_features', %s, 1, 1, 1, %s, %s)",
                [MONDAY + timedelta(days=day), f"psi:{number}", status, f"feature {number} moved."],
            )
    assert findings(shop)["customer_features/drift"].severity == severity
    shop.execute("UPDATE ml_meta.drift SET status = 'ok' WHERE day > %s", [MONDAY])
    assert findings(shop) == {}


def test_lists_that_stay_below_their_promise_are_told_until_a_day_that_is_not(shop: ServingConnection) -> None:
    insert = """
        INSERT INTO ml_meta.live_quality (day, placement, release_id, model_version, method, data_as_of, was_live,
            horizon, customers, listed, hit_rate, items_shown, promised_hit_rate, promised_low, promised_high,
            least_hit_rate)
        SELECT %s, 'for_you', release_id, 'm', 'x', %s, %s, 7, %s, 9, %s, 1, 0.5, 0.45, 0.55, 0.4
        FROM ml_meta.releases WHERE subject = 'recommendations'
    """

    def judged(day: int, hit_rate: float, *, was_live: bool = True, customers: int = 100) -> bool:
        on = MONDAY + timedelta(days=day)
        shop.execute(insert, [on, on, was_live, customers, hit_rate])
        return "recommendations/below_promise:for_you" in findings(shop)

    # Two days, whatever few customers bought, or lists that nobody saw, are not enough.
    assert not judged(0, 0.3)
    assert not judged(1, 0.39)
    assert not judged(2, 0.3, customers=9)
    assert not judged(3, 0.3, was_live=False)
    assert judged(4, 0.0)
    found = findings(shop)["recommendations/below_promise:for_you"]
    assert found.severity == "warning"
    assert "0.0% of the buyers bought something of their list of 2026-01-09; 50.0% was promised" in found.summary
    assert judged(5, 0.1, customers=9)
    assert not judged(6, 0.4)


def test_what_never_arrived_is_told_once_the_shop_is_no_longer_being_set_up(connection: ServingConnection) -> None:
    sync_policies(connection, SETTINGS)
    now = datetime.now(UTC)
    assert findings(connection, now + timedelta(hours=1)) == {}
    late = findings(connection, now + timedelta(hours=4))
    assert {one.cause for one in late.values()} == {"missing"}
    assert {one.subject for one in late.values()} == set(SUBJECTS)


def test_few_rows_and_an_old_day_are_two_findings(shop: ServingConnection) -> None:
    shop.execute(
        "INSERT INTO ml_meta.source_days SELECT %s::date - 7 * n, CASE n WHEN 0 THEN 10 ELSE 1000 END, 'x' "
        "FROM generate_series(0, 8) AS n",
        [MONDAY],
    )
    assert set(findings(shop)) == {"transactions/volume"}
    late = findings(shop, NOON + timedelta(hours=20))
    assert {key: one.severity for key, one in late.items() if key.startswith("transactions")} == {
        "transactions/volume": "error",
        "transactions/stale": "warning",
    }


def test_what_runs_go_on_without_is_told_until_it_was_read(shop: ServingConnection) -> None:
    note_unread(shop, "opt_outs", "Who opted out could not be read.", "Mend the list.")
    note_unread(shop, "opt_outs", "Who opted out could still not be read.", "Mend the list, please.")
    wanted = Settings.model_validate({"opt_outs": {"files": "people.csv", "columns": {"customer": "id"}}})
    seen = collect(shop, wanted, NOON)
    (found,) = seen.findings
    assert found.collector in seen.collectors
    assert (found.key, found.severity, found.next_step) == ("opt_outs/unread", "error", "Mend the list, please.")
    assert found.summary.startswith("Who opted out could still not be read. So since ")
    # A shop that took the list out of its settings reads none.
    assert findings(shop) == {}
    note_read(shop, "opt_outs")
    assert collect(shop, wanted, NOON).findings == ()
