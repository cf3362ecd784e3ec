"""Windows on the past: where they begin, how long they are, and what a short history gets."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.models.selection.history import History
from ml_assets.models.selection.plan import FEWEST, LESSONS, plan_windows
from ml_assets_tests.models.purchase_frames import END, catalogue, made_shop
from ml_assets_tests.models.studies import quick_settings, studied

FULL = quick_settings(selection={"effort": "full", "windows": 3})


@given(st.integers(0, 800), st.lists(st.integers(1, 60), min_size=1, max_size=3), st.integers(1, 5))
def test_windows_follow_each_other_and_begin_where_enough_is_known(room: int, horizons: list[int], wanted: int) -> None:
    earliest = END - timedelta(days=room - 1)
    plan = plan_windows(earliest, END, horizons, wanted)
    if plan is None:
        assert room < FEWEST, "a day for each of the fewest windows is enough"
        return
    assert min(FEWEST, wanted + LESSONS - 1) <= len(plan.cutoffs) <= wanted + LESSONS - 1
    assert plan.cutoffs[0] + timedelta(days=plan.days - 1) == END, "the newest window ends on the last day"
    gaps = {(newer - older).days for newer, older in zip(plan.cutoffs, plan.cutoffs[1:], strict=False)}
    assert gaps <= {plan.days}, "no day is in two windows"
    assert all(cutoff >= earliest for cutoff in plan.cutoffs)
    assert len(set(plan.horizons) - set(horizons)) <= 1, "one horizon stands for all that do not fit"
    assert plan.days <= max(horizons)


@pytest.mark.parametrize(
    ("room", "judged"), [(180, (7, 30)), (63, (7, 21)), (42, (7, 14)), (29, (7,)), (21, (7,)), (12, (4,))]
)
def test_a_short_history_has_shorter_windows_rather_than_one(room: int, judged: tuple[int, ...]) -> None:
    plan = plan_windows(END - timedelta(days=room - 1), END, [7, 30], 3)
    assert plan is not None
    assert plan.horizons == judged


def test_a_history_without_room_for_what_is_asked_is_judged_all_the_same_and_says_so() -> None:
    recent = made_shop(customers=300).filter(pl.col("day") > END - timedelta(days=45))
    study = studied(recent, catalogue(), quick_settings(evaluation_days=[30]))
    assert study.plan is not None
    assert study.plan.days < 30
    assert any("too short for windows of 30 days" in note for note in study.notes)
    assert study.choices["discover"].gain > 0.2


def test_no_window_begins_before_most_customers_are_known() -> None:
    """Customers of whom only the last orders are kept look, some weeks back, as if they had not been there."""
    shop = made_shop(customers=300)
    newest = shop.group_by("customer_id", "day").agg().sort("day").group_by("customer_id").tail(3)
    kept = shop.join(newest, on=["customer_id", "day"], how="semi")
    plan = History.of(kept.lazy(), catalogue(), first_day=min(kept["day"]), through=END, settings=FULL).plan()
    assert plan is not None
    assert kept.filter(pl.col("day") < plan.cutoffs[-1]).height >= 0.4 * kept.height


def test_a_history_too_short_to_judge_gets_the_simple_methods_and_says_so() -> None:
    young = made_shop().filter(pl.col("day") > END - timedelta(days=12))
    study = studied(young, catalogue(), quick_settings())
    assert study.plan is None
    assert {choice.method for choice in study.choices.values()} == {"personal_frequency", "popularity"}
    assert "too few to judge" in study.choices["for_you"].reason
