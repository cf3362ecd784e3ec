"""Freshness is judged from what the data contains, in the shop's time zone."""

from datetime import date, timedelta

import pytest

from ml_assets.books.freshness import observe, read_freshness, sync_policies
from ml_assets.database.connection import ServingConnection
from ml_assets.releases.publish import Publication, publish
from ml_assets.settings.freshness import FreshnessLimits, FreshnessSettings
from ml_assets.settings.shop import Settings
from ml_assets.subjects import SUBJECTS
from ml_assets_tests.books.models import add_model
from ml_assets_tests.books.test_models import add
from ml_assets_tests.releases.frames import recommendations

HOUR = timedelta(hours=1)


def status(connection: ServingConnection) -> dict[str, str]:
    return {row.subject: row.status for row in read_freshness(connection)}


@pytest.fixture
def today(connection: ServingConnection) -> date:
    """A day on which it is noon, so that none of these tests depends on when it runs."""
    noon = "UPDATE ml_meta.shop SET clock_shift = date_trunc('day', now(), 'UTC') + interval '12 h' - now()"
    connection.execute(noon)
    row = connection.execute("SELECT ((now() + clock_shift) AT TIME ZONE 'UTC')::date FROM ml_meta.shop").fetchall()[0]
    assert isinstance(row[0], date)
    return row[0]


def test_everything_is_missing_before_anything_ran(connection: ServingConnection) -> None:
    sync_policies(connection, Settings())
    assert status(connection) == dict.fromkeys(SUBJECTS, "missing")


@pytest.mark.parametrize(("days_ago", "expected"), [(1, "fresh"), (3, "warn"), (4, "stale")])
def test_the_status_follows_the_age_of_the_newest_day(
    connection: ServingConnection, today: date, days_ago: int, expected: str
) -> None:
    # From the end of yesterday at most one day has passed, from the end of the day three days ago two to three.
    limits = FreshnessLimits(warn_after=timedelta(days=1), error_after=timedelta(days=3))
    settings = Settings(freshness=FreshnessSettings(data=limits, predictions=limits))
    sync_policies(connection, settings)
    day = today - timedelta(days=days_ago)
    observe(connection, "transactions", "data", day)
    frame = recommendations()
    publish(connection, Publication("recommendations", frame, day, model_version="m", k=2))
    assert (status(connection)["transactions"], status(connection)["recommendations"]) == (expected, expected)
    shown = connection.execute("SELECT DISTINCT is_stale FROM ml.recommendations").fetchall()
    assert shown == [(expected == "stale",)]


def test_ages_count_from_the_end_of_the_day_in_the_shops_time_zone(connection: ServingConnection, today: date) -> None:
    ages = {}
    for zone in ("Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"):
        sync_policies(connection, Settings(timezone=zone))
        observe(connection, "transactions", "data", today)
        ages[zone] = next(row.age for row in read_freshness(connection) if row.subject == "transactions")
    # The day ends 14 hours earlier in Kiritimati and 11 hours later in Pago Pago than in UTC.
    first, middle, last = (age or timedelta() for age in ages.values())
    assert round((first - middle) / HOUR) == 14
    assert round((middle - last) / HOUR) == 11


def test_an_old_day_seen_again_does_not_make_the_data_older(connection: ServingConnection, today: date) -> None:
    sync_policies(connection, Settings())
    for day in (today, today - timedelta(days=300)):
        observe(connection, "transactions", "data", day)
    assert next(row.data_as_of for row in read_freshness(connection) if row.subject == "transactions") == today


def test_a_model_is_as_old_as_what_it_was_trained_on(connection: ServingConnection) -> None:
    sync_policies(connection, Settings())
    add(connection, 4)
    add(connection, 11, "refused")
    found = next(row for row in read_freshness(connection) if row.subject == "recommender_model")
    assert (found.data_as_of, found.status) == (date(2026, 1, 4), "stale")


def test_a_model_that_was_trained_on_a_dead_feed_is_as_old_as_the_feed(
    connection: ServingConnection, today: date
) -> None:
    sync_policies(connection, Settings())
    died = today - timedelta(days=30)
    for weeks in (3, 2, 1):
        add_model(connection, "recommender", today - timedelta(weeks=weeks), data_as_of=died)
    found = next(row for row in read_freshness(connection) if row.subject == "recommender_model")
    assert (found.data_as_of, found.status) == (died, "stale")


def test_the_worst_comes_first(connection: ServingConnection, today: date) -> None:
    sync_policies(connection, Settings())
    observe(connection, "transactions", "data", today)
    observe(connection, "interactions", "features", date(2020, 1, 1))
    ranks = [row.status for row in read_freshness(connection)]
    assert (ranks[0], ranks[-1]) == ("stale", "fresh")
