"""Refusing a delivery of which too much breaks the contract: the settings are wrong then, or the export is.

Only this decision and its words belong here; single lines are judged in `contract.py`.
"""

from datetime import date

import polars as pl

from ml_assets.errors import UserError
from ml_assets.events.contract import REASONS, CheckedLines
from ml_assets.settings.events import EventSettings

# Ordinary in a good delivery: what the shop itself leaves out, guests, returns, and lines that came twice.
ORDINARY = ("left_out", "missing_customer_id", "return", "duplicate")
# A few broken lines are no wrong setting, however small the day.
FEWEST = 20
EXAMPLES = 3
NEW_IDS = " (an expression may give whole numbers; a shop whose ids are text from now on starts with an empty home)"
SETTINGS = {
    "unreadable_customer_id": f"source.columns.customer{NEW_IDS}",
    "missing_item_id": "source.columns.item",
    "unreadable_item_id": f"source.columns.item{NEW_IDS}",
    "unreadable_occurred_at": "source.dates (day or month first, ISO beside either), or source.columns.time",
    "missing_occurred_at": "source.columns.time, or source.order_fields where only an order's first line has one",
    "unreadable_quantity": "source.numbers, or source.columns.quantity",
    "missing_quantity": "source.columns.quantity",
    "non_positive_quantity": "source.columns.quantity",
    "absurd_quantity": "events.max_quantity, or events.measured_categories",
    "unreadable_amount": "source.numbers, or source.columns.amount",
    "negative_amount": "events.returns and events.return_types, or source.columns.amount",
    "outside_day": "source.day_from, or timezone",
}
"""What to change in the settings, by reason."""


def refuse_garbage(checked: CheckedLines, rules: EventSettings) -> None:
    """Raise `UserError` where the share of quarantined lines is above `events.max_quarantined`, in all or of a day."""
    bad = checked.quarantined.filter(~pl.col("reason").is_in(ORDINARY))
    if bad.height < FEWEST:
        return
    when = ""
    if bad.height <= rules.max_quarantined * checked.read:
        day = _worst_day(checked, bad, rules)
        if day is None:
            return
        when, bad = f" of {day}", bad.filter(pl.col("day") == day)
    counts = ", ".join(f"{count:,} {reason}" for reason, count in bad["reason"].value_counts(sort=True).iter_rows())
    main = bad["reason"].mode().sort()[0]
    shown = bad.filter(reason=main).select("source", "line", "detail").head(EXAMPLES).iter_rows()
    examples = "; ".join(f"{source} line {line}" + (f": {detail}" if detail else "") for source, line, detail in shown)
    total = checked.read if not when else _lines_of(checked, bad["day"][0])
    raise UserError(
        f"{bad.height:,} of {total:,} lines{when} cannot be used: {counts}. {REASONS[main]} ({examples})",
        f"Look at {SETTINGS.get(main, 'the export')}; a larger share is let through with events.max_quarantined. "
        "Nothing of this delivery was loaded; days that were loaded before stay as they are.",
    )


def _worst_day(checked: CheckedLines, bad: pl.DataFrame, rules: EventSettings) -> date | None:
    by_day = bad["day"].value_counts().filter(pl.col("count") >= FEWEST).sort("count", "day", descending=True)
    days: list[tuple[date, int]] = list(by_day.drop_nulls().iter_rows())
    return next((day for day, count in days if count > rules.max_quarantined * _lines_of(checked, day)), None)


def _lines_of(checked: CheckedLines, day: date) -> int:
    return checked.valid.filter(day=day).height + checked.quarantined.filter(day=day).height
