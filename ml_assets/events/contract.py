"""The event contract: which lines are events, and why the others are not.

Judging lines belongs here; reading them belongs to `sources/`. Every line that comes in goes out once, as an event
or with a reason in quarantine, so valid + quarantined = read.
"""

from dataclasses import dataclass

import polars as pl

from ml_assets.settings.events import EventSettings
from ml_assets.sources.base import LEFT_OUT

EVENT_COLUMNS = (
    "customer_id",  # null: a guest, whose every order is a customer of its own (setting events.guests)
    "item_id",
    "occurred_at",
    "day",
    "quantity",
    "amount",
    "order_id",
    "event_type",
    "is_return",
)
QUARANTINE_COLUMNS = ("reason", "detail", "source", "line", *EVENT_COLUMNS)

# The first reason that applies is the one given.
REASONS = {
    "left_out": "The condition of source.where does not hold for the line.",
    "unreadable_customer_id": "The customer id is no whole number, as all were when first seen, or lost digits.",
    "unreadable_item_id": "The item id is no whole number, as all were when first seen, or lost digits.",
    "unreadable_occurred_at": "The time is none in the shop's way to write them, nor ISO 8601.",
    "unreadable_quantity": "The quantity is no finite number.",
    "unreadable_amount": "The amount is no finite number.",
    "unreadable_refund": "The refund is of an order, or of an item in it, that the source does not hold.",
    "missing_customer_id": "The line has no customer (setting events.guests).",
    "missing_item_id": "The line has no item.",
    "missing_occurred_at": "The line has no time.",
    "missing_quantity": "The quantity is mapped to a column and empty.",
    "outside_day": "The time lies outside the day under which the line was delivered.",
    "return": "A return: negative quantity, or an event type of events.return_types (setting events.returns).",
    "non_positive_quantity": "The quantity is zero.",
    "negative_amount": "The amount is below zero.",
    "absurd_quantity": "The quantity is above events.max_quantity.",
    "duplicate": "The line was delivered before: every field equals those of a line in another file.",
}


@dataclass(frozen=True)
class CheckedLines:
    """What the contract made of the lines read for some days."""

    valid: pl.DataFrame
    """Events with EVENT_COLUMNS, sorted by day, customer, time and item."""
    quarantined: pl.DataFrame
    """Refused lines with QUARANTINE_COLUMNS; `day` is the day under which they were delivered."""
    read: int
    """Number of lines judged."""


def check_lines(lines: pl.DataFrame, rules: EventSettings, measured_items: pl.Series) -> CheckedLines:
    """Judge lines (`sources.base.LINE_COLUMNS`) by the contract.

    `measured_items` are the ids of items sold by measure; their quantity is no count (setting events.measured).
    """
    return settle(judge(lines, rules, measured_items), rules)


def judge(lines: pl.DataFrame, rules: EventSettings, measured_items: pl.Series) -> pl.DataFrame:
    """Lines with what the contract makes of each by itself: `is_return`, quantity, amount, `reason` and `detail`."""
    return (
        lines.lazy()
        .with_columns(is_return=_is_return(rules))
        .with_columns(
            quantity=_counted(rules, measured_items),
            amount=pl.when("is_return").then(-pl.col("amount").abs()).otherwise("amount"),
        )
        .with_columns(reason=_reason(rules))
        .with_columns(detail=pl.coalesce("detail", *_values_refused()))
        .collect()
    )


def settle(judged: pl.DataFrame, rules: EventSettings) -> CheckedLines:
    """Whole days of judged lines, in the order of their files, without those that were delivered twice."""
    lines = judged
    twice = delivered_twice(judged, rules)
    if twice.any():
        lines = judged.with_columns(reason=pl.when(twice).then(pl.lit("duplicate")).otherwise("reason"))
    valid = lines.filter(pl.col("reason").is_null()).with_columns(_order()).select(*EVENT_COLUMNS, "line")
    quarantined = lines.filter(pl.col("reason").is_not_null()).with_columns(day="source_day")
    return CheckedLines(
        _sorted(valid).select(EVENT_COLUMNS),
        quarantined.select(QUARANTINE_COLUMNS),
        judged.height,
    )


def _sorted(valid: pl.DataFrame) -> pl.DataFrame:
    """By day, customer, time, item and line: one day after the other, which takes half the time."""
    keys = ["customer_id", "occurred_at", "item_id", "line"]
    days = valid.partition_by("day", as_dict=True, maintain_order=True)
    return pl.concat([days[day].sort(keys, maintain_order=True) for day in sorted(days)]) if days else valid


def _order() -> pl.Expr:
    """The order of a line; a guest without one buys what one file has at one time."""
    of_guest = pl.when(pl.col("customer_id").is_null()).then(pl.format("{} {}", "source", "occurred_at"))
    return pl.coalesce("order_id", of_guest).alias("order_id")


def _is_return(rules: EventSettings) -> pl.Expr:
    by_type = pl.col("event_type").str.to_lowercase().is_in([name.lower() for name in rules.return_types])
    return ((pl.col("quantity") < 0) | by_type).fill_null(value=False)


def _counted(rules: EventSettings, measured_items: pl.Series) -> pl.Expr:
    quantity = pl.col("quantity")
    if rules.measured == "count_as_one" and measured_items.len():
        is_measured = pl.col("item_id").is_in(measured_items.implode()) & (quantity > 0)
        quantity = pl.when(is_measured).then(1.0).otherwise(quantity)
    return pl.when("is_return").then(-quantity.abs()).otherwise(quantity)


def _reason(rules: EventSettings) -> pl.Expr:
    quantity, amount, kept_return = pl.col("quantity"), pl.col("amount"), pl.col("is_return")
    required = ("customer_id", "item_id", "occurred_at", "quantity")[rules.guests == "one_off" :]
    verdicts = [
        pl.when(pl.col("unreadable") == LEFT_OUT).then(pl.lit("left_out")),
        pl.when(pl.col("unreadable").is_not_null()).then(pl.format("unreadable_{}", "unreadable")),
        *(pl.when(pl.col(name).is_null()).then(pl.lit(f"missing_{name}")) for name in required),
        pl.when(pl.col("day") != pl.col("source_day")).then(pl.lit("outside_day")),
        pl.when(kept_return & (rules.returns == "quarantine")).then(pl.lit("return")),
        pl.when(quantity == 0).then(pl.lit("non_positive_quantity")),
        pl.when((amount < 0) & ~kept_return).then(pl.lit("negative_amount")),
        pl.when(quantity.abs() > rules.max_quantity).then(pl.lit("absurd_quantity")),
    ]
    return pl.coalesce(verdicts)


def _values_refused() -> list[pl.Expr]:
    """The value that a rule refuses, as text."""
    columns = {
        "absurd_quantity": "quantity",
        "negative_amount": "amount",
        "return": "quantity",
        "outside_day": "occurred_at",
    }
    return [pl.when(pl.col("reason") == reason).then(pl.col(name).cast(pl.String)) for reason, name in columns.items()]


def delivered_twice(judged: pl.DataFrame, rules: EventSettings) -> pl.Series:
    """A line that is there more often than in any one file: two files may overlap, one scan a line is no mistake."""
    fields = ("customer_id", "item_id", "occurred_at", "quantity", "amount", "order_id", "event_type")
    none = pl.repeat(value=False, n=judged.height, eager=True)
    # Refused lines do not make a good line a duplicate.
    good = judged.select("source", *fields, is_good=pl.col("reason").is_null())
    if not judged.height or (rules.duplicates == "between_files" and good["source"].n_unique() == 1):
        return none
    # Hashes tell the few lines that can be equal; those are compared.
    hashes = good.select(*fields, "is_good").hash_rows()
    places = (hashes.is_duplicated() & good["is_good"]).arg_true()
    lines = good[places]
    if rules.duplicates == "between_files":
        lines = lines.with_columns(nth=pl.int_range(pl.len()).over("source", *fields))
    again = ~lines.select(pl.struct(pl.exclude("source")).is_first_distinct()).to_series()
    return none.scatter(places.filter(again), values=True)
