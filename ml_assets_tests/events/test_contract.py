"""The event contract, line by line."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.events.contract import REASONS, check_lines
from ml_assets.events.load import load_days, missing_ranges
from ml_assets.ids import IdTypes
from ml_assets.settings.events import EventSettings
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import CompleteJourneySource
from ml_assets.sources.base import line_schema
from ml_assets.sources.complete_journey import CompleteJourney
from ml_assets_tests.refused import refused

DAY = date(2024, 5, 31)
NOON = datetime(2024, 5, 31, 12, tzinfo=UTC)
NO_ITEMS = pl.Series("item_id", [], pl.Int64)


def lines(*changes: dict[str, Any]) -> pl.DataFrame:
    """Good lines of one day, each with some fields changed."""
    good: dict[str, Any] = {
        "item_id": 10,
        "occurred_at": NOON,
        "quantity": 1.0,
        "amount": 2.0,
        "order_id": "o",
        "event_type": None,
        "day": DAY,
        "source_day": DAY,
        "source": "events.csv",
        "unreadable": None,
        "detail": None,
    }
    rows = [{"customer_id": number, **good, "line": number, **change} for number, change in enumerate(changes, 1)]
    return pl.DataFrame(rows, schema=line_schema(IdTypes("bigint", "bigint")))


def reason(change: dict[str, Any], **rules: Any) -> str | None:
    checked = check_lines(lines(change), EventSettings(**rules), NO_ITEMS)
    return checked.quarantined["reason"].item() if checked.quarantined.height else None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"amount": None}, None),
        ({"customer_id": None}, "missing_customer_id"),
        ({"item_id": None}, "missing_item_id"),
        ({"occurred_at": None, "day": None}, "missing_occurred_at"),
        ({"quantity": None}, "missing_quantity"),
        ({"quantity": 0}, "non_positive_quantity"),
        ({"quantity": -1}, "return"),
        ({"event_type": "Refund"}, "return"),
        ({"amount": -0.01}, "negative_amount"),
        ({"quantity": 85_000}, "absurd_quantity"),
        ({"day": date(2024, 6, 1)}, "outside_day"),
        ({"quantity": None, "unreadable": "quantity", "detail": "abc"}, "unreadable_quantity"),
    ],
)
def test_each_broken_rule_has_its_reason(change: dict[str, Any], expected: str | None) -> None:
    assert reason(change) == expected
    assert expected is None or expected in REASONS


def test_a_line_counts_as_often_as_one_file_has_it() -> None:
    same, again = {"customer_id": 7}, {"customer_id": 7, "source": "again.csv"}
    once = lines(same, again, {"customer_id": 8})
    checked = check_lines(once, EventSettings(), NO_ITEMS)
    assert checked.valid["customer_id"].to_list() == [7, 8]
    assert checked.quarantined.select("reason", "line").rows() == [("duplicate", 2)]
    twice = check_lines(lines(same, again, same, again, again), EventSettings(), NO_ITEMS)
    assert (twice.valid.height, twice.quarantined["line"].to_list()) == (3, [2, 4])
    strict = check_lines(lines(same, same, {"customer_id": 8}), EventSettings(duplicates="everywhere"), NO_ITEMS)
    assert strict.quarantined.select("reason", "line").rows() == [("duplicate", 2)]


def test_the_same_item_in_two_orders_is_no_duplicate() -> None:
    checked = check_lines(lines({"customer_id": 7}, {"customer_id": 7, "order_id": "p"}), EventSettings(), NO_ITEMS)
    assert checked.quarantined.is_empty()


def test_items_sold_by_measure_count_as_one_purchase_with_their_amount() -> None:
    fuel = lines({"item_id": 99, "quantity": 85_000.0, "amount": 30.0})
    checked = check_lines(fuel, EventSettings(), pl.Series("item_id", [99]))
    assert checked.valid.select("quantity", "amount").rows() == [(1.0, 30.0)]
    strict = check_lines(fuel, EventSettings(measured="quarantine"), pl.Series("item_id", [99]))
    assert strict.quarantined["reason"].to_list() == ["absurd_quantity"]


def test_returns_may_be_kept_and_carry_negative_signs() -> None:
    rules = EventSettings(returns="net")
    checked = check_lines(lines({"quantity": -2, "amount": 5.0}, {"event_type": "return"}), rules, NO_ITEMS)
    assert checked.valid.select("quantity", "amount", "is_return").rows() == [(-2, -5, True), (-1, -2, True)]


@settings(max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "customer_id": st.sampled_from([1, 2, None]),
                "item_id": st.sampled_from([1, None]),
                "quantity": st.sampled_from([1.0, 0.0, -1.0, 1e6, None]),
                "amount": st.sampled_from([1.0, -1.0, None]),
                "day": st.sampled_from([DAY, date(2024, 6, 1)]),
                "event_type": st.sampled_from([None, "return", "view"]),
                "unreadable": st.sampled_from([None, "amount"]),
            }
        ),
        max_size=12,
    ),
    st.sampled_from(["quarantine", "net"]),
)
def test_valid_and_quarantined_always_add_up_to_what_was_read(changes: list[dict[str, Any]], returns: Any) -> None:
    checked = check_lines(lines(*changes), EventSettings(returns=returns), NO_ITEMS)
    assert checked.valid.height + checked.quarantined.height == checked.read == len(changes)
    assert checked.valid["quantity"].is_null().sum() == 0
    assert set(checked.quarantined["reason"]) <= set(REASONS)
    assert "duplicate" not in checked.quarantined["reason"].to_list()


def test_the_real_data_loses_no_line(tmp_path: Path) -> None:
    chosen = CompleteJourneySource(replay=False)
    source = CompleteJourney(Settings(home=tmp_path, source=chosen), chosen, today=DAY)
    days = [date(2017, 3, day) for day in range(1, 32)]
    loaded = load_days(source, days, EventSettings())
    read = source.read_lines(days[0], days[-1]).height
    assert sum(part.read for part in loaded.values()) == read
    assert sum(part.valid.height + part.quarantined.height for part in loaded.values()) == read
    assert all(set(part.valid["day"]) == {day} for day, part in loaded.items())


def test_a_day_without_events_is_an_error_that_names_the_covered_days(tmp_path: Path) -> None:
    chosen = CompleteJourneySource(replay=False)
    source = CompleteJourney(Settings(home=tmp_path, source=chosen), chosen, today=DAY)
    with refused("source.missing_day", "2019-01-01; it covers 2017-01-01 to 2018-01-01"):
        load_days(source, [date(2019, 1, 1)], EventSettings())
    allowed = load_days(source, [date(2019, 1, 1)], EventSettings(allow_empty_days=True))
    assert allowed[date(2019, 1, 1)].read == 0


def test_a_closed_day_inside_the_data_is_loaded_as_empty(tmp_path: Path) -> None:
    chosen = CompleteJourneySource(replay=False)
    source = CompleteJourney(Settings(home=tmp_path, source=chosen), chosen, today=DAY)
    christmas = date(2017, 12, 25)
    assert load_days(source, [christmas], EventSettings())[christmas].read == 0
    with refused("source.missing_day", "2016-12-25"):
        load_days(source, [date(2016, 12, 25)], EventSettings())
    # Replayed, the closed day may be the newest one; the data is whole, so no feed is late.
    replayed = CompleteJourneySource(replay_start=date(2026, 1, 18))
    start = date(2026, 1, 18) + (christmas - date(2017, 1, 1))
    newest = CompleteJourney(Settings(home=tmp_path, source=replayed), replayed, today=start + timedelta(days=1))
    assert newest.days().last == start
    assert load_days(newest, [start], EventSettings())[start].read == 0


def test_missing_days_are_grouped_into_ranges() -> None:
    days = [date(2024, 5, day) for day in range(1, 8)]
    present = {date(2024, 5, 3), date(2024, 5, 6)}
    assert missing_ranges(days, present) == [
        (date(2024, 5, 1), date(2024, 5, 2)),
        (date(2024, 5, 4), date(2024, 5, 5)),
        (date(2024, 5, 7), date(2024, 5, 7)),
    ]


def test_guests_are_events_of_one_off_customers_where_the_settings_say_so() -> None:
    found = lines(
        {"customer_id": None},
        {"customer_id": None, "order_id": None},
        {"customer_id": None, "order_id": None, "item_id": 11},
        {"customer_id": None, "order_id": None, "source": "other.csv", "item_id": 12},
        {"customer_id": None, "unreadable": "customer_id", "detail": "x"},
    )
    checked = check_lines(found, EventSettings(guests="one_off"), NO_ITEMS)
    assert checked.quarantined["reason"].to_list() == ["unreadable_customer_id"]
    assert checked.valid["customer_id"].null_count() == 4
    orders = checked.valid.sort("item_id")["order_id"].to_list()
    assert "o" in orders
    # Without an order, what one file has at one time is one purchase.
    assert len(set(orders)) == 3
    assert check_lines(found, EventSettings(), NO_ITEMS).valid.is_empty()


def test_a_guest_s_line_in_two_files_counts_once_without_an_order_too() -> None:
    twice = lines({"customer_id": None, "order_id": None}, {"customer_id": None, "order_id": None, "source": "b.csv"})
    checked = check_lines(twice, EventSettings(guests="one_off"), NO_ITEMS)
    assert (checked.valid.height, checked.quarantined["reason"].to_list()) == (1, ["duplicate"])
