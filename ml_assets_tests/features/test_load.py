"""What of the lake features are built from: stored frames if they exist, otherwise the same ones rebuilt."""

import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ml_assets.errors import UserError
from ml_assets.features.load import (
    load_customer_features,
    load_interactions,
    newest_day_with_data,
    transactions_window,
)
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets_tests.features.lines import day, journey, journey_items, line, lines

AS_OF = date(2017, 3, 15)
SETTINGS = Settings(lookback_days=60)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Three months of the real shop, one file per day."""
    lake = Lake(tmp_path_factory.mktemp("lake"))
    for (on,), frame in journey().filter(pl.col("day") < date(2017, 4, 1)).group_by("day"):
        lake.write("transactions", frame, on)
    lake.write("items", journey_items())
    return lake


def test_the_window_holds_the_existing_days_of_the_lookback(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for number in (0, 3, 4, 9):
        lake.write("transactions", lines(line(1, 7, number)).collect(), day(number))
    window = transactions_window(lake, as_of=day(5), lookback_days=5).collect()
    assert window["day"].to_list() == [day(3), day(4)]


def test_no_transactions_at_all_is_a_users_error_that_names_the_days(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no transactions from 2024-01-02 to 2024-01-05"):
        transactions_window(Lake(tmp_path), as_of=day(4), lookback_days=4)


@pytest.mark.parametrize(
    ("asset", "load"), [("interactions", load_interactions), ("customer_features", load_customer_features)]
)
def test_a_stored_frame_equals_the_rebuilt_one_and_is_read(
    lake: Lake, asset: str, load: Callable[..., pl.DataFrame]
) -> None:
    rebuilt = load(lake, as_of=AS_OF, settings=SETTINGS)
    lake.write(asset, rebuilt, AS_OF)
    try:
        assert_frame_equal(load(lake, as_of=AS_OF, settings=SETTINGS), rebuilt)
        lake.write(asset, rebuilt.head(3), AS_OF)
        assert load(lake, as_of=AS_OF, settings=SETTINGS).height == 3
    finally:
        lake.path(asset, AS_OF).unlink()


@pytest.mark.parametrize(
    ("asset", "load"), [("interactions", load_interactions), ("customer_features", load_customer_features)]
)
def test_features_stored_before_a_day_came_late_are_rebuilt(
    tmp_path: Path, asset: str, load: Callable[..., pl.DataFrame]
) -> None:
    lake = Lake(tmp_path)
    for number in (0, 2):
        lake.write("transactions", lines(line(1, 7, number)).collect(), day(number))
    lake.write(asset, load(lake, as_of=day(2), settings=SETTINGS), day(2))
    before = lake.path("transactions", day(2)).stat().st_mtime
    os.utime(str(lake.path(asset, day(2))), (before + 1, before + 1))
    stored = load(lake, as_of=day(2), settings=SETTINGS)
    lake.write("transactions", lines(line(2, 7, 1)).collect(), day(1))
    os.utime(str(lake.path("transactions", day(1))), (before + 2, before + 2))
    assert set(stored["customer_id"]) == {1}
    assert set(load(lake, as_of=day(2), settings=SETTINGS)["customer_id"]) == {1, 2}
    # A day outside the look-back changes nothing.
    narrow = Settings(lookback_days=1)
    assert load(lake, as_of=day(2), settings=narrow).equals(stored)


def test_any_day_can_be_rebuilt_in_any_order(lake: Lake) -> None:
    days = [AS_OF + timedelta(days=number) for number in range(3)]
    forwards = [load_customer_features(lake, as_of=on, settings=SETTINGS) for on in days]
    backwards = [load_customer_features(lake, as_of=on, settings=SETTINGS) for on in reversed(days)]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert_frame_equal(one, other)


@hypothesis_settings(max_examples=5)
@given(number=st.integers(0, 30))
def test_days_loaded_later_do_not_change_an_older_day(
    lake: Lake, number: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    as_of = date(2017, 1, 20) + timedelta(days=number)
    past = Lake(tmp_path_factory.mktemp("past"))
    for stored in lake.days_between("transactions", date.min, as_of):
        past.write("transactions", lake.read("transactions", stored), stored)
    assert_frame_equal(
        load_interactions(lake, as_of=as_of, settings=SETTINGS), load_interactions(past, as_of=as_of, settings=SETTINGS)
    )


def test_weights_of_the_settings_apply(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("transactions", lines(line(1, 7, 0, kind="view"), line(1, 8, 0, kind="click")).collect(), day(0))
    settings = Settings.model_validate({"events": {"weights": {"view": 0.25, "click": 0}}})
    assert load_interactions(lake, as_of=day(0), settings=settings)["weight"].to_list() == [0.25]
    assert load_customer_features(lake, as_of=day(0), settings=settings)["orders"].to_list() == [0]


def test_a_damaged_file_is_a_users_error_that_says_what_to_do(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("transactions", lines(line(1, 7, 0)).collect(), day(0))
    path = tmp_path / "transactions" / f"{day(0)}.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="damaged") as caught:
        load_interactions(lake, as_of=day(0), settings=Settings())
    assert "again" in caught.value.next_step


def test_the_newest_day_with_data_is_that_of_the_newest_event_and_closed_days_do_not_age_it(tmp_path: Path) -> None:
    """`day(0)` is a Monday; nothing has come since the Friday, and the Saturday was loaded without a line."""
    lake = Lake(tmp_path)
    assert newest_day_with_data(lake, SETTINGS, through=day(6)) is None
    for number in (0, 1, 4):
        lake.write("transactions", lines(line(1, 7, number)).collect(), day(number))
    lake.write("transactions", lines(line(1, 7, 5)).collect().clear(), day(5))
    weekdays = Settings.model_validate({"calendar": {"business_days": ["mon", "tue", "wed", "thu", "fri"]}})
    found = [newest_day_with_data(lake, settings, through=day(6)) for settings in (SETTINGS, weekdays)]
    assert found == [day(4), day(6)]
    # A feed that died on a Tuesday is dead on the Wednesday, whatever follows.
    assert newest_day_with_data(lake, weekdays, through=day(3)) == day(1)
    holiday = Settings.model_validate({"calendar": {"holidays": [day(2), day(3)]}})
    assert newest_day_with_data(lake, holiday, through=day(3)) == day(3)
