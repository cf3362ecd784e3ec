"""The built-in data, as it was and replayed."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.settings.recommender import RecommenderSettings
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import CompleteJourneySource
from ml_assets.sources.complete_journey import CompleteJourney

SUNDAY = date(2026, 1, 18)


def journey(home: Path, today: date = date(2026, 11, 22), **source: object) -> CompleteJourney:
    chosen = CompleteJourneySource.model_validate(source)
    return CompleteJourney(Settings(home=home, source=chosen), chosen, today=today)


def test_without_replay_the_year_2017_is_whole(tmp_path: Path) -> None:
    found = journey(tmp_path, replay=False)
    lines = found.read_lines(found.days().first, found.days().last)
    assert lines.height == 1_469_307
    assert lines["customer_id"].n_unique() == 2469


def test_replay_shows_ten_months_that_end_yesterday(tmp_path: Path) -> None:
    days = journey(tmp_path).days()
    assert (days.first, days.last) == (SUNDAY, date(2026, 11, 21))


def test_replay_keeps_its_start_when_the_calendar_moves_on(tmp_path: Path) -> None:
    journey(tmp_path).days()
    later = journey(tmp_path, today=date(2027, 3, 1)).days()
    assert (later.first, later.last) == (SUNDAY, date(2027, 2, 28))


def test_a_replayed_day_is_the_day_of_the_data_a_whole_number_of_weeks_away(tmp_path: Path) -> None:
    day = date(2026, 11, 21)
    original = day - (SUNDAY - date(2017, 1, 1))
    replayed = journey(tmp_path, replay_start=SUNDAY).read_lines(day, day)
    true = journey(tmp_path, replay=False).read_lines(original, original)
    assert (day - original).days % 7 == 0
    columns = ["customer_id", "item_id", "quantity", "amount", "order_id"]
    assert replayed.select(columns).equals(true.select(columns))


@settings(max_examples=8)
@given(offset=st.integers(0, 3000))
def test_every_replayed_day_has_events_however_many_years_later(
    tmp_path_factory: pytest.TempPathFactory, offset: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    day = SUNDAY + timedelta(days=offset)
    # Christmas Day is the one day without a sale in the data.
    lines = journey(home, replay_start=SUNDAY).read_lines(day, day + timedelta(days=1))
    assert lines.height > 0
    assert lines["day"].is_between(day, day + timedelta(days=1)).all()


def test_orders_of_a_later_round_are_new_orders(tmp_path: Path) -> None:
    found = journey(tmp_path, replay_start=SUNDAY)
    first, second = (found.read_lines(day, day) for day in (SUNDAY, SUNDAY + timedelta(weeks=52)))
    assert first["customer_id"].to_list() == second["customer_id"].to_list()
    assert not set(first["order_id"]) & set(second["order_id"])


def test_items_have_readable_names_and_fuel_is_a_category(tmp_path: Path) -> None:
    items = journey(tmp_path).read_items()
    assert items["item_id"].is_unique().all()
    assert items.filter(pl.col("item_id") == 1082185).row(0)[1:3] == ("Bananas", "Tropical fruit"), "no crate of 40 lb"
    assert items.filter(pl.col("category") == "Fuel").height > 10
    assert items["item_name"].null_count() == 0


def test_names_carry_no_item_numbers_and_no_marks_of_the_shops_clerks(tmp_path: Path) -> None:
    items = journey(tmp_path).read_items()
    assert items.filter(pl.col("item_name").str.contains(r"\d{5}")).is_empty()
    tobacco = items.filter(pl.col("category") == "Cigarettes")["item_name"].unique()
    assert {"Cigarettes, pack", "Cigarettes, carton"} <= set(tobacco)
    assert items.filter(pl.col("item_name").str.contains(r", ([a-z] \d|(pk|ctn|oz|lb|ct)$)")).is_empty()


def test_what_nobody_would_recommend_is_left_out_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    options = Settings(home=tmp_path).recommender
    preset = options.exclude_categories
    assert options.exclude_new_categories == ["Fuel"]
    categories = set(journey(tmp_path).read_items()["category"])
    assert {*preset, "Fuel"} <= categories, "each is a category of the data"
    assert Settings(home=tmp_path, recommender={"k": 5}).recommender.exclude_categories == preset
    assert Settings(home=tmp_path, recommender={"exclude_categories": []}).recommender.exclude_categories == []
    given = Settings(home=tmp_path, recommender=RecommenderSettings(exclude_new_categories=["Wine"])).recommender
    assert (given.exclude_new_categories, given.exclude_categories) == (["Wine"], preset)
    files = Settings(home=tmp_path, source={"kind": "files", "events": "x.csv"}).recommender
    assert files.exclude_categories == files.exclude_new_categories == []
