"""Why customers moved, in the words and units of their measures."""

import json
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from ml_assets.features.customers import build_customer_features
from ml_assets.models.segmentation.inputs import FEATURES
from ml_assets.models.segmentation.moves import NOTES, REDRAWN, WORDS, WORDS_IN_PIECES, explain_moves
from ml_assets.segments import MEASURES
from ml_assets_tests.features.lines import journey

AS_OF = date(2017, 11, 30)


def features(*customers: dict[str, Any]) -> pl.DataFrame:
    """Customers who differ a little in everything, so that each measure has a spread."""
    usual = [dict.fromkeys(FEATURES, float(number)) for number in range(20)]
    rows = [{"customer_id": 100 + number, **row} for number, row in enumerate(usual)]
    mine = [{"customer_id": number, **dict.fromkeys(FEATURES, 10.0), **one} for number, one in enumerate(customers, 1)]
    return pl.DataFrame([*mine, *rows], schema={"customer_id": pl.Int64, **dict.fromkeys(FEATURES, pl.Float64)})


def segments(*keys: str) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": range(1, len(keys) + 1), "segment_key": keys})


def why(before: dict[str, Any], now: dict[str, Any]) -> tuple[str | None, list[dict[str, Any]]]:
    explained = explain_moves(segments("dormant"), segments("loyal"), features(now), features(before))
    assert explained["moved_from"].to_list() == ["loyal"]
    facts = explained["reason_measures"][0]
    return explained["reason"][0], json.loads(facts) if facts else []


def test_every_measure_has_words() -> None:
    assert tuple(WORDS) == MEASURES


def test_a_reason_is_the_two_measures_that_changed_most_in_their_own_units() -> None:
    before, now = {"spend_90d": 812.4, "recency_days": 3}, {"spend_90d": 204.1, "recency_days": 31, "orders_90d": 9}
    reason, facts = why(before, now)
    assert reason == "spend in 90 days 812 to 204, last order 3 to 31 days ago"
    assert facts == [
        {"measure": "spend_90d", "unit": "money", "before": 812.4, "after": 204.1},
        {"measure": "recency_days", "unit": "days", "before": 3.0, "after": 31.0},
    ]


def test_without_amounts_reasons_tell_of_pieces() -> None:
    before, now = {"spend_90d": 812.4, "recency_days": 3}, {"spend_90d": 204.1, "recency_days": 31}
    counted = features(now).with_columns(spend_in_pieces=True)
    explained = explain_moves(segments("dormant"), segments("loyal"), counted, features(before))
    assert explained["reason"][0] == "pieces in 90 days 812 to 204, last order 3 to 31 days ago"
    assert [fact["unit"] for fact in json.loads(explained["reason_measures"][0])] == ["pieces", "days"]
    assert not any("spend" in words.text for words in WORDS_IN_PIECES.values())


def test_what_says_the_same_thing_twice_is_told_once() -> None:
    reason, _ = why({"spend_90d": 800, "spend_365d": 1_500, "orders_90d": 9}, {"spend_90d": 200, "spend_365d": 1_000})
    assert reason == "spend in 90 days 800 to 200, orders in 90 days 9 to 10"


def test_measures_that_decide_are_told_before_those_that_changed_more() -> None:
    before, now = {"orders_90d": 1, "evening_share": 0.5}, {"orders_90d": 2, "evening_share": 20, "recency_days": 90}
    explained = explain_moves(
        segments("active"), segments("loyal"), features(now), features(before), inputs=("spend_90d", "orders_90d")
    )
    assert explained["reason"][0] == "orders in 90 days 1 to 2, last order 10 to 90 days ago"


def test_who_moved_by_a_training_alone_is_not_told_to_have_changed() -> None:
    now, before = features({"recency_days": 11}, {"recency_days": 90}), features({}, {})
    explained = explain_moves(
        segments("active", "active"), segments("loyal", "loyal"), now, before, redrawn=pl.Series([1])
    )
    assert explained["reason"].to_list() == [REDRAWN, "last order 10 to 90 days ago"]
    assert explained["reason_measures"][0] is None


def test_changes_are_compared_in_spreads_among_the_customers() -> None:
    rich = features({"decayed_spend": 10, "recency_days": 12}).with_columns(pl.col("decayed_spend") * 1_000)
    before = features({"decayed_spend": 11, "recency_days": 2}).with_columns(pl.col("decayed_spend") * 1_000)
    reason = explain_moves(segments("dormant"), segments("loyal"), rich, before)["reason"][0]
    assert reason == "last order 2 to 12 days ago, recent spend 11,000 to 10,000"


def test_shares_are_told_in_percent_and_small_numbers_with_digits() -> None:
    reason, _ = why({"weekend_share": 0.25, "basket_items": 7.25}, {"weekend_share": 0.5, "basket_items": 7.75})
    assert reason == "items per order 7.2 to 7.8, orders at weekends 25 to 50 %"


def test_what_reads_the_same_on_both_days_is_no_reason() -> None:
    assert why({"spend_365d": 812.41}, {"spend_365d": 812.42}) == (None, [])


def test_a_measure_that_a_customer_lacks_on_one_of_the_days_is_no_reason() -> None:
    assert why({"mean_gap_days": None}, {"mean_gap_days": 30.0, "orders_90d": 11})[0] == "orders in 90 days 10 to 11"


def test_who_stayed_or_is_new_has_no_reason() -> None:
    now = features({"spend_90d": 800}, {"spend_90d": 5})
    explained = explain_moves(segments("loyal", "dormant"), segments("loyal"), now, features({}))
    assert explained.select(*NOTES).null_count().row(0) == (2, 2, 2)


@pytest.mark.parametrize("known", ["neither day", "segments alone", "features of an earlier version"])
def test_without_the_day_before_there_is_no_reason(known: str) -> None:
    before = None if known == "neither day" else segments("loyal")
    old = features({}).drop("evening_share") if known.startswith("features") else None
    explained = explain_moves(segments("dormant"), before, features({}), old)
    assert explained.schema == {"customer_id": pl.Int64, "segment_key": pl.String, **NOTES}
    assert explained["moved_from"].to_list() == [None if before is None else "loyal"]
    assert explained["reason"].to_list() == [None]


def test_one_customer_alone_has_no_spread_and_no_reason() -> None:
    alone = features({"spend_90d": 800}).filter(pl.col("customer_id") == 1)
    explained = explain_moves(segments("dormant"), segments("loyal"), alone, features({"spend_90d": 1}))
    assert explained["reason"].to_list() == [None]


def test_real_customers_who_move_have_a_reason_of_two_measures() -> None:
    def of(day: date) -> pl.DataFrame:
        return build_customer_features(journey().lazy(), None, as_of=day, lookback_days=400).collect()

    now, before = of(AS_OF), of(AS_OF - timedelta(days=1))
    places = pl.col("decayed_spend").rank().floordiv(400).cast(pl.String).alias("segment_key")
    explained = explain_moves(now.select("customer_id", places), before.select("customer_id", places), now, before)
    moved = explained.filter(pl.col("moved_from").is_not_null())
    assert 5 < moved.height < 300
    assert moved["reason"].null_count() == 0
    assert moved["reason"].str.count_matches(" to ").to_list() == [2] * moved.height
