"""What kinds of events count for, which states of orders are no purchases, and which lines are deleted ones."""

from collections.abc import Sequence

import polars as pl
import pytest

from ml_assets.sources.columns import Reading
from ml_assets.sources.guess.columns import Choice
from ml_assets.sources.guess.event_types import returns_of, weights_of
from ml_assets.sources.guess.in_sql import indexed
from ml_assets.sources.guess.left_over import with_amount
from ml_assets.sources.guess.proposal import Proposal
from ml_assets.sources.guess.states import with_states, without_deleted


def proposed(**columns: str) -> Proposal:
    return Proposal("lines", 1, "", [], {name: Choice(text, "") for name, text in columns.items()})


def test_failures_are_no_purchases_and_what_was_begun_is_less_than_one() -> None:
    kinds = ["purchase", "payment_error", "checkout_bug", "order_failed", "cart_abandoned", "payment_declined",
             "add_payment_info", "payment_started"]  # fmt: skip
    told = weights_of(kinds)
    assert told is not None
    weights, returns = told
    assert [kind for kind, weight in weights.items() if weight == 1] == ["purchase"]
    assert [kind for kind, weight in weights.items() if weight == 0.3] == ["add_payment_info", "payment_started"]
    assert returns == []
    # A kind that no rule names would count as a purchase.
    assert weights_of(["xyz", "xyz_error"]) == ({"xyz_error": 0.0}, [])
    assert weights_of(["xyz", "abc"]) is None


def test_orders_that_came_to_nothing_are_told_from_those_of_which_a_part_came_back() -> None:
    states = [
        "paid",
        "partially_refunded",
        "refunded",
        "return requested",
        "void",
        "declined",
        "Cancelled",
        "no refund",
    ]
    assert returns_of(states) == ["Cancelled", "declined", "refunded", "void"]


@pytest.mark.parametrize(
    ("name", "values", "returns"),
    [
        ("state", ["paid", "shipped", "cancelled", "pending"], ["cancelled"]),
        ("zustand", ["bezahlt", "storno", "offen"], ["storno"]),
        ("state", ["CA", "NY", "TX"], None),
        ("state", ["paid", "shipped"], None),
        ("remark", ["void", "red", "blue", "green"], None),
    ],
)
def test_a_column_of_states_is_told_by_its_values(name: str, values: list[str], returns: list[str] | None) -> None:
    found = with_states(proposed(item="sku"), pl.DataFrame({"sku": range(len(values)), name: values}))
    assert found.columns.get("event_type", Choice("", "")).text == (name if returns else "")
    assert (found.rules["return_types"].text if returns else found.rules) == (str(returns) if returns else {})


@pytest.mark.parametrize(
    ("name", "values", "condition"),
    [
        ("deleted_at", ["2026-09-01", None, None], "deleted_at IS NULL"),
        ("cancelled_on", [None, None, None], "cancelled_on IS NULL"),
        ("is_deleted", [True, False, None], "is_deleted IS NOT TRUE"),
        ("void", ["0", "1", "0"], "coalesce(void, 0) = 0"),
        ("deleted", ["yes", "no", "no"], "(deleted IS NULL OR deleted NOT IN ('yes'))"),
        # Most lines have it, it is a count, or who did it.
        ("deleted_at", ["2026-09-01", "2026-09-02", None], None),
        ("qty_cancelled", ["0", "1", "0"], None),
        ("deleted_by", ["ann", None, None], None),
        ("shipped_at", ["2026-09-01", None, None], None),
    ],
)
def test_marks_of_deleted_lines_become_a_condition(name: str, values: Sequence[object], condition: str | None) -> None:
    sample = pl.DataFrame({name: values}, strict=False)
    found = without_deleted(proposed(), sample, Reading("UTC")).source
    assert (found["where"].text if found else None) == condition


@pytest.mark.parametrize(
    ("columns", "amount"),
    [
        ({"net": ["1.25", "3", "12.50"]}, "net"),
        ({"list price": ["1.25", "3", "12.50"], "pieces": ["1", "2", "1"]}, '"list price" * pieces'),
        ({"net": ["1.25", "3", "12.50"], "vat": ["0.25", "0.75", "0.10"]}, "net"),
        ({"one": ["1.25", "3", "12.50"], "other": ["0.25", "0.75", "0.10"]}, None),
        ({"x": ["1.257", "3", "12.501"]}, None),
        ({"x": [1, 2, 3]}, None),
    ],
)
def test_the_only_numbers_with_two_decimals_are_the_amount(
    columns: dict[str, list[object]], amount: str | None
) -> None:
    pieces = {"quantity": "pieces"} if "pieces" in columns else {}
    found = with_amount(proposed(**pieces), pl.DataFrame(columns)).columns
    assert (found["amount"].text if "amount" in found else None) == amount


def test_an_index_is_proposed_on_the_table_whose_column_it_is() -> None:
    types = {"lines": {"deleted_at": "date", "sold": "date"}, "orders": {"deleted_at": "date", "placed": "date"}}
    names = ("sold", "deleted_at", "deleted_at_of_order", "placed", "none")
    found = [indexed(name, "lines", "orders", types.__getitem__) for name in names]
    assert found == [
        ("lines", "sold"), ("lines", "deleted_at"), ("orders", "deleted_at"), ("orders", "placed"), None
    ]  # fmt: skip
