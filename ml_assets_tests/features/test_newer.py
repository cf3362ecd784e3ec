"""Stored interactions and newer purchases together are what building them from all transactions gives."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ml_assets.features.interactions import build_interactions
from ml_assets.features.newer import changed, fingerprints, with_newer

FIRST, STORED, LAST = date(2026, 1, 1), date(2026, 1, 6), date(2026, 1, 8)
LOOKBACK = 5
LINES = st.lists(
    st.tuples(
        st.sampled_from([None, 1, 2, 3]),
        st.integers(1, 4),
        st.integers(0, (LAST - FIRST).days),
        st.integers(0, 3),
        st.sampled_from(["sale", "view"]),
        st.booleans(),
    ),
    max_size=30,
)


def transactions(lines: list[tuple[int | None, int, int, int, str, bool]]) -> pl.DataFrame:
    rows = [
        {
            "customer_id": customer,
            "item_id": item,
            "day": FIRST + timedelta(days=day),
            "occurred_at": datetime.combine(FIRST + timedelta(days=day), time(order), UTC),
            "order_id": f"{customer} {order}" if customer is None or order else None,
            "quantity": 1.0 + item,
            "amount": 2.5 * item if order else None,
            "event_type": kind,
            "is_return": is_return,
        }
        for customer, item, day, order, kind, is_return in lines
    ]
    ids = dict.fromkeys(("customer_id", "item_id"), pl.Int64)
    numbers = dict.fromkeys(("quantity", "amount"), pl.Float64)
    texts = dict.fromkeys(("order_id", "event_type"), pl.String)
    times = {"day": pl.Date, "occurred_at": pl.Datetime("us", "UTC"), "is_return": pl.Boolean}
    kinds: dict[str, Any] = {**ids, **numbers, **texts, **times}
    return pl.DataFrame(rows, schema=kinds)


def built(lines: pl.DataFrame, as_of: date) -> pl.DataFrame:
    weights = {"view": 0.2}
    return build_interactions(lines.lazy(), as_of=as_of, lookback_days=LOOKBACK, weights=weights).collect()


@given(LINES, st.booleans())
def test_it_is_what_all_transactions_give(
    lines: list[tuple[int | None, int, int, int, str, bool]], with_text_ids: bool
) -> None:
    known = transactions(lines)
    if with_text_ids:
        known = known.with_columns(pl.format("c{}", "customer_id"), pl.format("i-{}", "item_id"))
    stored = built(known.filter(pl.col("day") <= STORED), STORED)
    newer = built(known.filter(pl.col("day") > STORED), LAST)
    found = with_newer(stored, newer, as_of=LAST, lookback_days=LOOKBACK)
    assert_frame_equal(found, built(known, LAST))


def test_a_fingerprint_is_of_all_newer_purchases_in_any_order_and_guests_have_none() -> None:
    lines = transactions([(1, 1, 6, 1, "sale", False), (1, 2, 7, 1, "sale", False), (None, 1, 6, 1, "sale", False)])
    one, other = fingerprints(built(lines, LAST)), fingerprints(built(lines.reverse(), LAST))
    assert_frame_equal(one, other)
    assert one["customer_id"].to_list() == [1]
    assert one.schema["known"] == pl.Int64


def test_changed_are_those_who_bought_something_more_something_else_or_nothing_any_more() -> None:
    def known(lines: list[tuple[int | None, int, int, int, str, bool]]) -> pl.DataFrame:
        return fingerprints(built(transactions(lines), LAST))

    same, more, other, gone, new = ((number, 1, 6, 1, "sale", False) for number in range(1, 6))
    before = known([same, more, other, gone])
    now = known([same, more, (2, 1, 7, 1, "sale", False), (3, 2, 6, 1, "sale", False), new])
    assert changed(now, before).to_list() == [2, 3, 4, 5]
    assert changed(now, now).to_list() == []
    only_views_or_returns = known([*[same, more, other, gone], (1, 1, 7, 1, "sale", True)])
    assert changed(only_views_or_returns, before).to_list() == []
