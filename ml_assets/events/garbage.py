"""Refusing a delivery of which too much breaks the contract: the settings are wrong then, or the export is.

Only this decision and its words belong here; single lines are judged in `contract.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date

import polars as pl

from ml_assets.errors import UserError
from ml_assets.events.contract import REASONS
from ml_assets.settings.events import EventSettings
from ml_assets.sources.base import files_of

# Ordinary in a good delivery: what the shop itself leaves out, guests, returns, and lines that came twice.
GUEST = "missing_customer_id"
ORDINARY = ("left_out", GUEST, "return", "duplicate")
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
    "unreadable_refund": "source.refund_columns and source.columns.order",
    "unreadable_amount": "source.numbers, or source.columns.amount",
    "unreadable_cost": "source.numbers, or source.columns.cost",
    "negative_cost": "source.columns.cost",
    "negative_amount": "events.returns and events.return_types, or source.columns.amount",
    "outside_day": "source.day_from, or timezone",
}
"""What to change in the settings, by reason."""


class Tally:
    """Counts what the contract refuses, block by block, with a few examples."""

    def __init__(self) -> None:
        self.read: Counter[date] = Counter()
        """Lines by the day under which they were delivered."""
        self.refused: dict[date, Counter[str]] = defaultdict(Counter)
        """Refused lines by day and reason."""
        self.files: dict[date, set[str]] = defaultdict(set)
        """The files that hold lines of a day."""
        self.guests: Counter[date] = Counter()
        """Lines without a customer that are events, or are set aside for that."""
        self._examples: list[pl.DataFrame] = []

    def add(self, good: Mapping[date, pl.DataFrame], refused: Mapping[date, pl.DataFrame]) -> None:
        """Count the lines of a block, by the day under which they were delivered (`contract.judge`)."""
        for parts in (good, refused):
            for day, part in parts.items():
                self.read[day] += part.height
                self.files[day] |= files_of(part)
        for day, part in good.items():
            self.guests[day] += part["customer_id"].null_count()
        if not refused:
            return
        lines = pl.concat(refused.values())
        example = pl.struct("source", "line", "detail").head(EXAMPLES).alias("examples")
        guests = (pl.col("customer_id").is_null() & (pl.col("reason") == GUEST)).sum().alias("guests")
        groups = lines.group_by("day", "reason", maintain_order=True)
        counts = groups.agg(pl.len().cast(pl.Int64).alias("count"), guests, example)
        for day, reason, count, without in counts.select("day", "reason", "count", "guests").iter_rows():
            self.refused[day][reason] += count
            self.guests[day] += without
        self._examples.append(counts.drop("guests"))

    def refuse_garbage(self, rules: EventSettings) -> None:
        """Raise `UserError` where too large a share was refused (`events.max_quarantined`), in all or of a day."""
        if not self._examples:
            return
        bad, total = pl.concat(self._examples).filter(~pl.col("reason").is_in(ORDINARY)), self.read.total()
        if bad["count"].sum() < FEWEST:
            return
        when = ""
        if bad["count"].sum() <= rules.max_quarantined * total:
            day = self._worst_day(bad, rules)
            if day is None:
                return
            when, bad, total = f" of {day}", bad.filter(day=day), self.read[day]
        by_reason = bad.group_by("reason").agg(pl.col("count").sum()).sort("count", "reason", descending=[True, False])
        counts = ", ".join(f"{count:,} {reason}" for reason, count in by_reason.iter_rows())
        main = by_reason["reason"][0]
        shown = bad.filter(reason=main).select(pl.col("examples").explode()).unnest("examples").head(EXAMPLES)
        examples = "; ".join(_example(*row) for row in shown.iter_rows())
        raise UserError(
            f"{bad['count'].sum():,} of {total:,} lines{when} cannot be used: {counts}. {REASONS[main]} ({examples})",
            f"Look at {SETTINGS.get(main, 'the export')}; a larger share is let through with events.max_quarantined. "
            "Nothing of this delivery was loaded; days that were loaded before stay as they are.",
        )

    def _worst_day(self, bad: pl.DataFrame, rules: EventSettings) -> date | None:
        by_day = bad.group_by("day").agg(pl.col("count").sum()).filter(pl.col("count") >= FEWEST)
        days: list[tuple[date, int]] = list(by_day.sort("count", "day", descending=True).iter_rows())
        return next((day for day, count in days if count > rules.max_quarantined * self.read[day]), None)


def _example(source: str, line: int | None, detail: str | None) -> str:
    return source + (f" line {line}" if line else "") + (f": {detail}" if detail else "")
