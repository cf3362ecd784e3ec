"""`is_stale` of a row and `stale` of ml.freshness are one verdict: whatever the calendar, the policy and the day."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ml_assets.books.freshness import read_freshness, sync_policies
from ml_assets.contract.migrate import upgrade
from ml_assets.contract.shop_tables import sync_reading
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets.releases.pointer import roll_back, unpin
from ml_assets.settings.serving import ServingSettings
from ml_assets.settings.shop import Settings
from ml_assets_tests.contract.before_baseline.restore import restore
from ml_assets_tests.releases.frames import assignments, popular_items, recommendations, release, segments

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 1, 5)
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]
SUBJECTS = ("recommendations", "segment_assignments", "popular_items")
VERDICTS = """
    SELECT
        (SELECT bool_or(v.is_stale) FROM ml.recommendations AS v),
        (SELECT bool_and(v.is_stale) FROM ml.recommendations AS v),
        (SELECT bool_or(v.is_stale) FROM ml.segment_assignments AS v),
        (SELECT bool_or(v.is_stale) FROM ml.recommend(1, 'for_you', 2) AS v),
        (SELECT bool_or(v.is_stale) FROM ml.recommend(-1, 'for_you', 2) AS v),
        (SELECT f.status = 'stale' FROM ml.freshness AS f WHERE f.subject = 'recommendations'),
        (SELECT f.status = 'stale' FROM ml.freshness AS f WHERE f.subject = 'segment_assignments'),
        (SELECT f.status = 'stale' FROM ml.freshness AS f WHERE f.subject = 'popular_items')
"""


def settings(**more: Any) -> Settings:
    return Settings.model_validate({"timezone": "Europe/Berlin", **more})


def publish_all(connection: ServingConnection, day: int) -> None:
    release(connection, recommendations(), day=day, keep=20)
    release(connection, assignments(), "segment_assignments", day=day, segments=segments(), keep=20)
    release(connection, popular_items(), "popular_items", day=day, keep=20)


def verdict(connection: ServingConnection, at: datetime) -> bool:
    """Whether it is stale at a moment, to which the clock is shifted; views and ml.freshness must agree."""
    with connection.transaction():
        connection.execute(
            "UPDATE ml_meta.shop SET clock_shift = make_interval(secs => extract(epoch FROM %s - now()))", [at]
        )
        rows = connection.execute(VERDICTS).fetchall()
    lists, every_list, segment, recommended, generic, *judged = rows[0]
    assert [lists, segment, generic] == judged
    assert lists == every_list == recommended
    return bool(judged[0])


def berlin(when: str) -> datetime:
    return datetime.fromisoformat(when).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("policy", "when", "expected"),
    [
        # Of Friday 9 January. With hours alone it would be stale from Monday, six o'clock.
        ({"calendar": {"business_days": WEEKDAYS}}, "2026-01-12T12:00", False),
        ({"calendar": {"business_days": WEEKDAYS}}, "2026-01-14T05:59", False),
        ({"calendar": {"business_days": WEEKDAYS}}, "2026-01-14T06:01", True),
        ({"calendar": {"business_days": WEEKDAYS, "holidays": ["2026-01-13"]}}, "2026-01-14T06:01", False),
        ({"calendar": {"business_days": WEEKDAYS, "holidays": ["2026-01-13"]}}, "2026-01-15T06:01", True),
        ({"freshness": {"predictions": {"deadline": "07:00"}}}, "2026-01-11T06:59", False),
        ({"freshness": {"predictions": {"deadline": "07:00"}}}, "2026-01-11T07:01", True),
        ({"freshness": {"predictions": {"deadline": "07:00 America/New_York"}}}, "2026-01-11T12:59", False),
        ({"freshness": {"predictions": {"deadline": "07:00 America/New_York"}}}, "2026-01-11T13:01", True),
        ({}, "2026-01-12T05:59", False),
        ({}, "2026-01-12T06:01", True),
    ],
)
@pytest.mark.parametrize("is_published_first", [True, False])
def test_rows_know_the_calendar_and_deadlines(
    connection: ServingConnection, policy: dict[str, Any], when: str, expected: bool, is_published_first: bool
) -> None:
    if is_published_first:
        publish_all(connection, day=4)
    sync_policies(connection, settings(**policy))
    if not is_published_first:
        publish_all(connection, day=4)
    assert verdict(connection, berlin(when)) == expected


def test_settings_changed_after_publishing_count_at_once(connection: ServingConnection) -> None:
    noon_on_monday = berlin("2026-01-12T12:00")
    sync_policies(connection, settings())
    publish_all(connection, day=4)
    assert verdict(connection, noon_on_monday)
    sync_policies(connection, settings(calendar={"holidays": ["2026-01-11"]}))
    assert not verdict(connection, noon_on_monday)
    sync_policies(connection, settings(freshness={"predictions": {"warn_after": "1h", "error_after": "2h"}}))
    assert verdict(connection, noon_on_monday)
    # Eleven hours later in Pago Pago than in UTC, so not yet over.
    sync_policies(connection, Settings(timezone="Pacific/Pago_Pago"))
    assert not verdict(connection, noon_on_monday)


def test_a_policy_changed_by_hand_counts_as_well(connection: ServingConnection) -> None:
    sync_policies(connection, settings())
    publish_all(connection, day=4)
    connection.execute("UPDATE ml_meta.freshness_policies SET error_after = '100 days' WHERE kind = 'predictions'")
    assert not verdict(connection, berlin("2026-01-20T12:00"))
    connection.execute("DELETE FROM ml_meta.freshness_policies WHERE subject = 'recommendations'")
    connection.execute("INSERT INTO ml_meta.freshness_policies VALUES ('recommendations', 'predictions', '1h', '2h')")
    connection.execute("UPDATE ml_meta.freshness_policies SET error_after = '2 h' WHERE kind = 'predictions'")
    assert verdict(connection, berlin("2026-01-20T12:00"))


def test_a_roll_back_to_an_older_day_is_as_stale_as_that_day(connection: ServingConnection) -> None:
    sync_policies(connection, settings())
    for day in (2, 4):
        publish_all(connection, day=day)
    sunday = berlin("2026-01-11T12:00")
    assert not verdict(connection, sunday)
    for subject in SUBJECTS:
        roll_back(connection, subject, to=None, reason="a test")
    assert verdict(connection, sunday)
    sync_policies(connection, settings(calendar={"holidays": ["2026-01-10", "2026-01-11"]}))
    assert not verdict(connection, sunday)
    for subject in SUBJECTS:
        unpin(connection, subject)
    assert not verdict(connection, sunday)


@pytest.mark.parametrize(("closed", "expected"), [([], [11, 12]), (["2026-01-11"], [21, 22])])
def test_what_is_shown_instead_of_a_stale_list_goes_by_the_calendar_too(
    connection: ServingConnection, closed: list[str], expected: list[int]
) -> None:
    # Monday noon, of Friday's lists: stale, unless the Sunday was closed.
    sync_reading(
        connection, ServingSettings.model_validate({"placements": {"for_you": {"on_stale": "fallback_popular"}}})
    )
    sync_policies(connection, settings(calendar={"holidays": closed}))
    release(connection, recommendations(items=[21, 22]), day=4)
    release(connection, popular_items([11, 12]), "popular_items", day=4)
    connection.execute("UPDATE ml_meta.shop SET clock_shift = %s - now()", [berlin("2026-01-12T12:00")])
    for query in (
        "SELECT item_id FROM ml.recommendations WHERE customer_id = 1 AND placement = 'for_you' ORDER BY rank",
        "SELECT item_id FROM ml.recommend(1, 'for_you', 2)",
    ):
        assert [item for (item,) in connection.execute(query).fetchall()] == expected


def test_the_moment_does_not_depend_on_the_time_zone_of_the_session(connection: ServingConnection) -> None:
    # Across the night of 29 March, when the clock is changed in Berlin.
    limits = {"predictions": {"warn_after": "1d", "error_after": "5d"}}
    sync_policies(connection, settings(freshness=limits))
    release(connection, recommendations(), day=(date(2026, 3, 27) - MONDAY).days)
    for zone in ("UTC", "Europe/Berlin", "America/New_York"):
        connection.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        row = next(row for row in read_freshness(connection) if row.subject == "recommendations")
        assert row.stale_at == datetime(2026, 4, 1, 23, tzinfo=UTC)


def test_a_release_that_goes_live_while_the_policy_changes_is_judged_by_the_new_one(
    connection: ServingConnection, postgres_url: str
) -> None:
    sync_policies(connection, settings())
    at = berlin("2026-01-12T12:00")
    with ServingConnection.open(postgres_url, Schemas()) as other, other.transaction():
        # Changed, not committed: who publishes now would see the old policy.
        other.execute("UPDATE ml_meta.freshness_policies SET error_after = '100 days' WHERE kind = 'predictions'")
        publisher = threading.Thread(target=publish_all, args=(connection, 4))
        publisher.start()
        publisher.join(1)
        assert publisher.is_alive()
    publisher.join(30)
    assert not verdict(connection, at)


@st.composite
def policies(draw: st.DrawFn) -> Settings:
    hours = draw(st.integers(1, 400))
    limits: dict[str, Any] = {"warn_after": f"{hours}h", "error_after": f"{hours + draw(st.integers(1, 200))}h"}
    if draw(st.booleans()):
        zone = draw(st.sampled_from(["", " Asia/Kolkata", " America/New_York"]))
        limits = {"deadline": f"{draw(st.times()):%H:%M}{zone}"}
    days = draw(st.lists(st.sampled_from([*WEEKDAYS, "sat", "sun"]), min_size=1, unique=True))
    holidays = draw(st.lists(st.dates(date(2026, 3, 20), date(2026, 4, 15)), max_size=8))
    return Settings.model_validate(
        {
            "timezone": draw(st.sampled_from(["Europe/Berlin", "UTC", "Pacific/Auckland", "America/St_Johns"])),
            "freshness": {"predictions": limits},
            "calendar": {"business_days": days, "holidays": [day.isoformat() for day in holidays]},
        }
    )


@pytest.fixture(scope="module")
def shop_of_many_days(embedded_url: str, integer_shop: str) -> Iterator[ServingConnection]:
    """Releases around the Sunday on which the clock is changed in Berlin."""
    with psycopg.connect(embedded_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE many_days TEMPLATE {integer_shop}")
        with ServingConnection.open(embedded_url.replace("/postgres?", "/many_days?"), Schemas()) as opened:
            for day in range(74, 86):
                publish_all(opened, day)
            yield opened
        server.execute("DROP DATABASE many_days WITH (FORCE)")


@hypothesis_settings(max_examples=30)
@given(
    policy=policies(),
    target=st.integers(0, 11),
    hours=st.floats(-100, 1200),
    order=st.booleans(),
    exact=st.sampled_from([None, -1, 1]),
    zone=st.sampled_from(["UTC", "Europe/Berlin"]),
)
def test_a_row_is_stale_exactly_when_ml_freshness_says_so(
    shop_of_many_days: ServingConnection,
    policy: Settings,
    target: int,
    hours: float,
    order: bool,
    exact: int | None,
    zone: str,
) -> None:
    connection = shop_of_many_days
    connection.execute("SELECT set_config('TimeZone', %s, false)", [zone])
    steps: list[Callable[[], object]] = [lambda: sync_policies(connection, policy), lambda: _show(connection, target)]
    for step in steps if order else reversed(steps):
        step()
    day = MONDAY + timedelta(days=74 + target)
    at = datetime.combine(day, time(), UTC) + timedelta(hours=hours)
    stale_at = next(row.stale_at for row in read_freshness(connection) if row.subject == "recommendations")
    if exact is not None and stale_at is not None:
        # The second before and the second after.
        at = stale_at + timedelta(seconds=exact)
        assert verdict(connection, at) == (exact > 0)
    assert verdict(connection, at) == (stale_at is not None and at > stale_at)


def _show(connection: ServingConnection, target: int) -> None:
    day = MONDAY + timedelta(days=74 + target)
    for subject in SUBJECTS:
        query = "SELECT release_id FROM ml_meta.releases WHERE subject = %s AND data_as_of = %s"
        roll_back(connection, subject, to=connection.execute(query, [subject, day]).fetchall()[0][0], reason="a test")


def test_readers_get_no_error_while_the_database_is_upgraded(postgres_url: str) -> None:
    errors: list[str] = []
    reads = 0
    restore(postgres_url, "integer")
    with ServingConnection.open(postgres_url, Schemas()) as connection:
        connection.execute("DELETE FROM ml_meta.opt_outs")
        sync_policies(connection, settings())
        stop = threading.Event()

        def read() -> None:
            nonlocal reads
            with psycopg.connect(postgres_url, autocommit=True) as reader:
                while not stop.is_set():
                    try:
                        for query in (
                            "SELECT * FROM ml.recommendations WHERE customer_id = 1",
                            "SELECT customer_id, segment_key FROM ml.segment_assignments",
                            "SELECT * FROM ml.recommend(1, 'for_you', 2)",
                            "SELECT * FROM ml.recommend(-1, 'for_you', 2)",
                            "SELECT * FROM ml.freshness",
                        ):
                            assert reader.execute(query, prepare=True).fetchall()
                            reads += 1
                    except (psycopg.Error, AssertionError) as error:
                        errors.append(repr(error))

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        while reads < 100:
            stop.wait(0.01)
        assert upgrade(connection)[0] == "001_baseline"
        after = reads
        while reads < after + 100 and not errors:
            stop.wait(0.01)
        stop.set()
        for reader in readers:
            reader.join()
        assert errors == []
        publish_all(connection, day=4)
        assert verdict(connection, berlin("2026-01-12T06:01"))
        assert not verdict(connection, berlin("2026-01-12T05:59"))
