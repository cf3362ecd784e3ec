"""Segments keep their keys over trainings, however a refit numbers its clusters."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ml_assets.features.customers import build_customer_features
from ml_assets.models.segmentation.identity import Origin, by_key, match, origins
from ml_assets.models.segmentation.inputs import DEFAULT, Past, choose_inputs
from ml_assets.models.segmentation.model import SegmentationModel, moved_share
from ml_assets.models.segmentation.train import train_segmentation
from ml_assets.segments import MEASURES
from ml_assets.settings.segmentation import SegmentationSettings
from ml_assets_tests.features.lines import day, journey, line, lines

SUNDAYS = (date(2017, 11, 19), date(2017, 11, 26))
SETTINGS = SegmentationSettings()


def features_of(as_of: date) -> pl.DataFrame:
    third = journey().lazy().filter(pl.col("customer_id") % 3 == 0)
    return build_customer_features(third, None, as_of=as_of, lookback_days=400).collect()


def trained(
    features: pl.DataFrame, sunday: date, live: SegmentationModel | None = None, seed: int = 1
) -> SegmentationModel:
    return train_segmentation(
        features, trained_through=sunday, settings=SETTINGS.model_copy(update={"seed": seed}), live=live
    )


@pytest.fixture(scope="module")
def weeks() -> list[pl.DataFrame]:
    return [features_of(sunday) for sunday in SUNDAYS]


@pytest.fixture(scope="module")
def live(weeks: list[pl.DataFrame]) -> SegmentationModel:
    return trained(weeks[0], SUNDAYS[0])


def test_a_weeks_training_keeps_every_key_and_moves_hardly_anybody(
    weeks: list[pl.DataFrame], live: SegmentationModel
) -> None:
    new = trained(weeks[1], SUNDAYS[1], live)
    assert new.keys == live.keys
    lineage = new.card.parameters["segments"]
    assert isinstance(lineage, dict)
    assert {one["change"] for one in lineage.values() if isinstance(one, dict)} == {"kept"}
    assert new.card.parameters["continues"] == live.card.version
    assert moved_share(live, new, weeks[1]) < 0.02


def test_another_seed_gives_the_same_keys_to_nearly_everybody(
    weeks: list[pl.DataFrame], live: SegmentationModel
) -> None:
    new = trained(weeks[0], SUNDAYS[0], live, seed=99)
    assert moved_share(live, new, weeks[0]) < 0.01


def test_a_customer_on_the_border_stays_where_it_was_until_clearly_elsewhere(
    weeks: list[pl.DataFrame], live: SegmentationModel
) -> None:
    today, later = weeks
    before = today.select("customer_id").with_columns(live.assign(today))
    joined = later.select("customer_id").join(before, on="customer_id", how="left", maintain_order="left")
    calm = int((live.assign(later, before) != joined["segment_key"]).sum())
    nervous = int((live.assign(later) != joined["segment_key"]).sum())
    assert 0 < calm < 0.6 * nervous


labels = st.integers(2, 6).flatmap(
    lambda k: st.lists(st.integers(0, k - 1), min_size=30, max_size=200).map(lambda found: (k, np.array(found)))
)


@hypothesis_settings(max_examples=100)
@given(drawn=labels, random=st.randoms(use_true_random=False))
def test_permuted_numbers_are_the_same_segments(drawn: tuple[int, np.ndarray], random: object) -> None:
    k, live = drawn
    order = np.random.default_rng(random.randint(0, 2**32)).permutation(k)  # type: ignore[attr-defined]
    new = np.argsort(order)[live]
    there = set(live.tolist())
    continued = match(live, new, np.zeros((k, k)))
    assert [row for row in continued if row is not None] == [int(row) for row in order if row in there]
    keys = [f"s{row}" for row in range(k)]
    made, ended = origins(live, new, keys, continued)
    assert {one.change for row, one in zip(continued, made, strict=True) if row is not None} == {"kept"}
    assert set(ended) == {keys[row] for row in range(k) if row not in there}


def test_a_segment_that_falls_into_two_keeps_its_key_in_one_and_is_the_parent_of_the_other() -> None:
    live = np.repeat([0, 1], [100, 100])
    new = np.concatenate([np.repeat([0, 1], [60, 40]), np.repeat(2, 100)])
    continued = match(live, new, np.ones((2, 3)))
    assert continued == [0, None, 1]
    made, ended = origins(live, new, ["loyal", "active"], continued)
    assert (made[1].change, made[1].parents) == ("split", ("loyal",))
    assert not ended


def test_two_segments_that_become_one_are_told_with_who_took_them() -> None:
    live = np.repeat([0, 1, 2], [100, 60, 100])
    new = np.repeat([0, 1], [160, 100])
    continued = match(live, new, np.ones((3, 2)))
    assert continued == [0, 2]
    made, ended = origins(live, new, ["loyal", "active", "dormant"], continued)
    assert made[0].parents == ("loyal", "active")
    assert ended["active"].parents == ("0",)


def test_a_key_that_ended_and_was_given_again_stands_for_the_new_segment() -> None:
    made = [Origin("kept", ("loyal",)), Origin("split", ("loyal",))]
    ended = {"dormant": Origin("ended", ("loyal",)), "active": Origin("ended", ("loyal",))}
    found = by_key(["loyal", "dormant"], made, ended)
    assert {key: one.change for key, one in found.items()} == {"loyal": "kept", "dormant": "split", "active": "ended"}


def test_customers_whom_nobody_knew_make_a_segment_that_is_born() -> None:
    live, new = np.repeat([0, 1], [50, 50]), np.repeat([0, 1], [50, 50])
    continued = match(live, new, np.ones((2, 3)))
    assert continued == [0, 1, None]
    assert origins(live, new, ["loyal", "active"], continued)[0][2].change == "born"


def past(weeks: list[pl.DataFrame]) -> Past:
    earlier = features_of(SUNDAYS[1] - timedelta(days=28))
    return Past(earlier, weeks[1])


@pytest.mark.long
def test_measures_are_chosen_by_what_they_say_about_the_next_weeks(weeks: list[pl.DataFrame]) -> None:
    known = past(weeks)
    chosen = choose_inputs(known, None, seed=1)
    assert chosen.explained is not None
    assert chosen.explained > 0.45
    assert set(chosen.names) <= set(MEASURES)
    shuffled = Past(known.features, known.now.with_columns(pl.col("spend_28d").shuffle(seed=1)))
    assert (choose_inputs(shuffled, None, seed=1).explained or 0) < 0.05


@pytest.mark.long
def test_the_live_measures_stay_while_they_explain_about_as_much(weeks: list[pl.DataFrame]) -> None:
    known = past(weeks)
    near_the_best = ("decayed_spend", "spend_90d")
    assert choose_inputs(known, near_the_best, seed=1).names == near_the_best
    assert choose_inputs(known, ("tenure_days", "weekend_share"), seed=1).names != ("tenure_days", "weekend_share")


def test_a_past_that_tells_nothing_leaves_the_measures_as_they_are(weeks: list[pl.DataFrame]) -> None:
    assert choose_inputs(None, None, seed=1).names == DEFAULT
    assert choose_inputs(None, ("recency_days", "spend_90d"), seed=1).names == ("recency_days", "spend_90d")
    few = past(weeks)
    assert choose_inputs(Past(few.features.head(20), few.now), None, seed=1).names == DEFAULT
    nobody_bought = Past(few.features, few.now.with_columns(spend_28d=pl.lit(0.0)))
    assert choose_inputs(nobody_bought, None, seed=1).names == DEFAULT
    chance = Past(few.features, few.now.with_columns(pl.col("spend_28d").shuffle(seed=1)))
    assert choose_inputs(chance, None, seed=1).names == DEFAULT


def test_a_shop_may_name_the_measures_itself(weeks: list[pl.DataFrame]) -> None:
    own = SegmentationSettings(inputs=["recency_days", "orders_365d"], k_min=4, k_max=4)
    model = train_segmentation(weeks[0], trained_through=SUNDAYS[0], settings=own)
    assert model.inputs == ("recency_days", "orders_365d")
    assert len(set(model.keys)) == 4


def subscribers() -> pl.LazyFrame:
    """260 customers who order by the clock: every 7, 14, 28 or 30 days, since different days, the same each time."""
    random = np.random.default_rng(4)
    rows = []
    for customer in range(260):
        cycle, since = int(random.choice([7, 14, 28, 30])), int(random.integers(0, 350))
        until, amount = since + int(random.exponential(500)), float(random.choice([9, 14, 19, 29, 39]))
        rows += [
            line(customer, int(random.integers(0, 30)), on, amount=amount, order=f"{customer}-{on}")
            for on in range(since, min(until, 430), cycle)
        ]
    return lines(*rows)


def test_measures_that_follow_the_order_cycle_do_not_decide() -> None:
    orders = subscribers()
    then, recent, now = (
        build_customer_features(orders, None, as_of=day(number), lookback_days=400).collect()
        for number in (392, 410, 420)
    )
    cyclic = choose_inputs(Past(then, now), None, margin=0.25, seed=1)
    chosen = choose_inputs(Past(then, now, recent), None, margin=0.25, seed=1)
    assert "recency_days" in cyclic.names
    assert "recency_days" not in chosen.names
    assert chosen.explained is not None
    assert chosen.explained > 0.45
    # Nor do they stay where they decided before.
    assert choose_inputs(Past(then, now, recent), cyclic.names, margin=0.25, seed=1).names == chosen.names
