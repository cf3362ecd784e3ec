"""The page about the shop: what is so is said, also where there is nothing, and no name of the shop's breaks it."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from pydantic import ValidationError

from ml_assets.alerts.send.deliver import deliver
from ml_assets.books.freshness import sync_policies
from ml_assets.database.connection import ServingConnection
from ml_assets.erasure.pages import count_pages, erase_pages
from ml_assets.experiments.register import start
from ml_assets.lake import Lake
from ml_assets.releases.withdraw import withdraw_unmade
from ml_assets.reports.kept import kept_pages
from ml_assets.reports.page import bytes_, duration, short
from ml_assets.reports.shop import ShopReport, shop_report
from ml_assets.reports.weekly import keep_page, tell_channels
from ml_assets.settings.shop import Settings
from ml_assets_tests.alerts.receivers import http_receiver
from ml_assets_tests.experiments.test_register import asked
from ml_assets_tests.releases.frames import MONDAY, assignments, popular_items, recommendations, release, segments
from ml_assets_tests.reports.tags import require_accessible, require_harmless

DAY = MONDAY + timedelta(days=35)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}\N{HEBREW LETTER VAV} \N{GRINNING FACE}",
    "x" * 1000,
)


def reported(
    connection: ServingConnection, home: Path, until: date | None = None, settings: Settings | None = None
) -> ShopReport:
    settings = (settings or Settings()).model_copy(update={"home": home / ".ml_assets"})
    made = shop_report(connection, Lake.of(settings), settings, until)
    require_harmless(made.page)
    require_accessible(made.page)
    return made


def words_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def live_day(connection: ServingConnection, day: date, hit_rate: float | None, **more: Any) -> None:
    facts = {"placement": "for_you", "customers": 100, "was_live": True, "promised": 0.5} | more
    connection.execute(
        """
        INSERT INTO ml_meta.live_quality (day, placement, release_id, model_version, method, data_as_of, was_live,
            horizon, customers, listed, hit_rate, hit_rate_low, hit_rate_high, coverage, items_shown, promised_hit_rate,
            promised_low, promised_high, least_hit_rate)
        SELECT %(day)s, %(placement)s, max(release_id), 'm', 'x', %(day)s, %(was_live)s, 7, %(customers)s, 0, %(rate)s,
            %(rate)s, %(rate)s, 0.1, 9, %(promised)s::float8, %(promised)s::float8,
            %(promised)s::float8, %(promised)s::float8 - 0.1
        FROM ml_meta.releases WHERE subject = 'recommendations'
        """,
        facts | {"day": day, "rate": hit_rate},
    )


@pytest.fixture
def shop(connection: ServingConnection) -> ServingConnection:
    """Twenty customers with lists and segments over five weeks, and items with names that nobody should trust."""
    sync_policies(connection, Settings())
    for day in (0, 35):
        keys = ["loyal" if customer % 3 or day else "dormant" for customer in range(20)]
        release(connection, assignments(keys), "segment_assignments", day=day, segments=segments())
    names = pl.DataFrame({"item_id": [11, 12, 13, 14], "item_name": HOSTILE, "category": ["c"] * 4})
    release(connection, recommendations(range(1, 21)), day=35, k=4, items=names)
    release(connection, popular_items(), "popular_items", day=35)
    return connection


def test_before_anything_is_live_the_page_says_so(connection: ServingConnection, tmp_path: Path) -> None:
    made = reported(connection, tmp_path)
    text = words_of(made.page)
    assert made.day is None
    assert made.summary == ["Nothing is live yet. `ml-assets run` computes and publishes a day."]
    for words in ("Nothing is live yet", "There are no lists yet", "There are no segments", "No list is old enough yet",
                  "None was ever started", "0 order lines in 28 days"):  # fmt: skip
        assert words in text


def test_the_page_says_what_is_live_what_it_is_worth_and_how_good_the_data_were(
    shop: ServingConnection, tmp_path: Path
) -> None:
    """Names of any kind stay text, and cannot turn the lines around them."""
    lake = Lake.of(Settings(home=tmp_path / ".ml_assets"))
    lake.write("quarantined_transactions", pl.DataFrame({"reason": ["duplicate", "duplicate", "<b>"]}), DAY)
    measures = {"customer_id": range(1, 21), "recency_days": [3] * 20, "orders_90d": [4] * 20, "spend_90d": [1.0] * 20}
    lake.write("customer_features", pl.DataFrame(measures), DAY)
    shop.execute(
        "INSERT INTO ml_meta.restatements (day, rows_before, rows_after, fingerprint_before, fingerprint_after) "
        "VALUES (%s, 0, 1234, 'a', 'b')",
        [DAY],
    )
    shop.execute(
        "INSERT INTO ml_meta.incidents (subject, cause, kind, collector, owner, severity, state, summary, next_step, "
        "opened_at, seen_at) VALUES ('recommendations', 'stale', 'predictions', 'freshness', 'me', 'error', 'open', "
        "'<i>It is old.</i>', 'x', now(), now())"
    )
    live_day(shop, DAY - timedelta(days=9), 0.56)
    live_day(shop, DAY - timedelta(days=8), 0.31)
    live_day(shop, DAY - timedelta(days=8), 0.0, placement="discover", was_live=False)
    live_day(shop, DAY - timedelta(days=8), None, placement="buy_again", customers=0, promised=None)
    start(shop, "worth", asked(), ZoneInfo("UTC"))
    made = reported(shop, tmp_path)
    text = words_of(made.page)
    for words in (
        "Of every 100 customers who bought in the 7 days from 01 February 2026 on, 31 bought one of the first ten",
        "ten items of this list; the backtest promised 50.",
        "below the promise", "made later, seen by nobody", "Nobody bought anything in the 7 days from 01 February 2026",
        "Loyal, last order 3 days before, 4 orders in 90 days",
        "Dormant → Loyal", "No verdict: fewer than 30 customers",
        "3 lines set aside", "The line was delivered before", "1,234", "Orders: never arrived.",
        "&lt;i&gt;It is old.&lt;/i&gt;", "&lt;script&gt;alert(1)&lt;/script&gt;",
    ):  # fmt: skip
        assert words in text, words
    assert made.day == DAY
    assert made.summary[1:] == [
        "Customers find less in these lists than was promised: For you.",
        "worth: No verdict: fewer than 30 customers in lists, nothing.",
        "1 thing is wrong at the moment.",
    ]
    assert "x" * 100 not in made.page
    for name in re.findall(r"[^<>]*\N{HEBREW LETTER SHIN}[^<>]*", made.page):
        assert f"<bdi>{name}</bdi>" in made.page
    drawn = re.findall(r'data-customer="(\d+)"', made.page)
    assert len(set(drawn)) == 10
    # The same ten a week later, without who opted out.
    shop.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (%s)", [int(drawn[0])])
    again = re.findall(r'data-customer="(\d+)"', reported(shop, tmp_path).page)
    assert again[:9] == drawn[1:]
    assert len(again) == 10
    # What is looked back on ends with the day that is asked for.
    before = words_of(reported(shop, tmp_path, DAY - timedelta(days=9)).page)
    assert "the backtest promised 50." in before
    assert "below the promise" not in before
    assert "Looks back from 31 January 2026" in before


def test_a_shop_without_customers_or_segments_has_what_is_left(connection: ServingConnection, tmp_path: Path) -> None:
    settings = Settings.model_validate({"segmentation": {"enabled": False}})
    sync_policies(connection, settings)
    withdraw_unmade(connection, settings)
    release(connection, popular_items(), "popular_items", day=35)
    text = words_of(reported(connection, tmp_path, settings=settings).page)
    assert "No customer has a list. These are the popular items, which everybody is shown: 11" in text
    assert "Not made in this shop: " in text
    assert "There are no segments." in text


def test_numbers_are_told_in_units_of_people() -> None:
    assert [bytes_(size) for size in (0, 1234, 5_600_000, 7_800_000_000)] == ["0.0 kB", "1.2 kB", "5.6 MB", "7.8 GB"]
    assert [duration(seconds) for seconds in (0, 119, 120, 9000, None)] == [
        "0 s",
        "119 s",
        "2 min",
        "2.5 h",
        "\N{EN DASH}",
    ]
    assert short("a\n b\t") == "a b"
    assert short(None) == ""
    assert len(short("y" * 1000)) == 90


def test_the_weekly_page_is_kept_told_once_and_goes_with_a_person_who_is_erased(
    shop: ServingConnection, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    with http_receiver() as hook:
        settings = Settings.model_validate(
            {
                "home": tmp_path / ".ml_assets",
                "report": {"keep": 2, "channels": ["ops"]},
                "alerts": {"channels": {"ops": {"url": hook.url}}},
            }
        )
        made = shop_report(shop, Lake.of(settings), settings)
        for number in range(3):
            week = DAY + timedelta(days=7 * number)
            for _ in range(2):
                path = keep_page(settings, made, week)
                assert tell_channels(shop, settings, made, path, week=week, now=now) == ["ops"]
        assert [delivery.error for delivery in deliver(shop, settings, now=now)] == [None, None, None]
    assert hook.titles == [f"The week until 2026-02-{day:02}" for day in (8, 15, 22)]
    assert {message["type"] for message in hook.messages} == {"info"}
    assert "What is live is of Monday, 09 February 2026" in hook.messages[0]["body"]
    assert f"The page: {tmp_path}/.ml_assets/reports/shop-2026-02-09.html" in hook.messages[0]["body"]
    assert [page.name for page in kept_pages(settings)] == ["shop-2026-02-16.html", "shop-2026-02-23.html"]
    drawn = re.findall(r'data-customer="(\d+)"', made.page)
    stranger = next(who for who in range(1, 21) if str(who) not in drawn)
    assert erase_pages(settings, stranger).total() == 0
    assert (count_pages(settings, int(drawn[0])).total(), erase_pages(settings, int(drawn[0])).total()) == (2, 2)
    assert kept_pages(settings) == []


def test_a_report_for_a_channel_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"report\.channels"):
        Settings.model_validate({"report": {"channels": ["ops"]}})
