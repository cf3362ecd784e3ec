"""The event contract: which lines are events, and why the others are not.

Judging lines belongs here; reading them belongs to `sources/`. Every line that comes in goes out once, as an event
or with a reason in quarantine, so valid + quarantined = read.
"""

from dataclasses import dataclass

import polars as pl

from ml_assets.settings.events import EventSettings
from ml_assets.sources.base import LEFT_OUT, ORDERED_BY, by_day, files_of

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
# What is kept of lines until their days are whole.
GOOD_COLUMNS = (*EVENT_COLUMNS, "source_day", "source", "line")
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
# Which value a rule refuses.
VALUES_REFUSED = {
    "absurd_quantity": "quantity",
    "negative_amount": "amount",
    "return": "quantity",
    "outside_day": "occurred_at",
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
    good, refused = parted(judge(lines, rules, measured_items))
    checked = settle(good, rules)
    return CheckedLines(checked.valid, pl.concat([refused, checked.quarantined]), lines.height)


def judge(lines: pl.DataFrame, rules: EventSettings, measured_items: pl.Series) -> pl.DataFrame:
    """Lines with what the contract makes of each by itself: `is_return`, quantity, amount, `reason` and `detail`."""
    counted = (
        lines.lazy()
        .with_columns(is_return=_is_return(lines, rules))
        .with_columns(
            quantity=_counted(rules, measured_items),
            amount=pl.when("is_return").then(-pl.col("amount").abs()).otherwise("amount"),
        )
        .collect()
    )
    judged = counted.with_columns(reason=_reason(counted, rules))
    # Of few lines: writing numbers as texts takes longer than all the rules.
    places = judged["reason"].is_in(list(VALUES_REFUSED)).arg_true()
    if places.is_empty():
        return judged
    details = judged[places].select(pl.coalesce("detail", *_values_refused())).to_series()
    return judged.with_columns(judged["detail"].scatter(places, details))


def parted(judged: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The good ones of judged lines, with GOOD_COLUMNS, and the refused ones, with QUARANTINE_COLUMNS."""
    is_good = judged["reason"].is_null()
    good = judged.select(GOOD_COLUMNS)
    if is_good.all():
        return good, quarantine(judged.clear())
    return good.filter(is_good), quarantine(judged.filter(~is_good))


def quarantine(refused: pl.DataFrame) -> pl.DataFrame:
    """Refused lines with QUARANTINE_COLUMNS, each under the day under which it was delivered."""
    return refused.with_columns(day="source_day").select(QUARANTINE_COLUMNS)


def settle(good: pl.DataFrame, rules: EventSettings) -> CheckedLines:
    """Whole days of good lines (GOOD_COLUMNS), in the order of their files, without those delivered twice."""
    twice, valid = delivered_twice(good, rules), good
    again = good.clear()
    if twice.any():
        valid, again = good.filter(~twice), good.filter(twice)
    told = {"reason": pl.lit("duplicate"), "detail": pl.lit(None, pl.String)}
    return CheckedLines(_sorted(valid), quarantine(again.with_columns(**told)), good.height)


def _sorted(valid: pl.DataFrame) -> pl.DataFrame:
    """EVENT_COLUMNS by day, customer, time, item and line: one day after the other, which takes half the time."""
    keys = ["customer_id", "occurred_at", "item_id"]
    ties = [name for name in ORDERED_BY if name not in keys] if valid["line"].null_count() else ["line"]
    nulls_last = [False] * len(keys) + [True] * len(ties)
    of_guests = ["source"] if valid["customer_id"].null_count() else []
    days = by_day(valid.select(*EVENT_COLUMNS, "line", *of_guests), "day")
    ordered = [days[day].sort(keys + ties, nulls_last=nulls_last, maintain_order=True) for day in sorted(days)]
    events = pl.concat(ordered) if ordered else valid
    if of_guests:
        # A guest without an order buys what one file has at one time.
        of_guest = pl.when(pl.col("customer_id").is_null()).then(pl.format("{} {}", "source", "occurred_at"))
        events = events.with_columns(pl.coalesce("order_id", of_guest))
    return events.select(EVENT_COLUMNS)


def _is_return(lines: pl.DataFrame, rules: EventSettings) -> pl.Expr:
    is_return = pl.col("quantity") < 0
    if lines["event_type"].count():
        types = [name.lower() for name in rules.return_types]
        is_return |= pl.col("event_type").str.to_lowercase().is_in(types)
    return is_return.fill_null(value=False)


def _counted(rules: EventSettings, measured_items: pl.Series) -> pl.Expr:
    quantity = pl.col("quantity")
    if rules.measured == "count_as_one" and measured_items.len():
        is_measured = pl.col("item_id").is_in(measured_items.implode()) & (quantity > 0)
        quantity = pl.when(is_measured).then(1.0).otherwise(quantity)
    return pl.when("is_return").then(-quantity.abs()).otherwise(quantity)


def _reason(lines: pl.DataFrame, rules: EventSettings) -> pl.Expr:
    """The first of the reasons that apply to a line, among those that occur in these lines."""
    quantity, amount, kept_return = pl.col("quantity"), pl.col("amount"), pl.col("is_return")
    required = ("customer_id", "item_id", "occurred_at", "quantity")[rules.guests == "one_off" :]
    fields = lines["unreadable"].drop_nulls().unique(maintain_order=True)
    verdicts = {
        **{
            ("left_out" if field == LEFT_OUT else f"unreadable_{field}"): pl.col("unreadable") == field
            for field in fields
        },
        **{f"missing_{name}": pl.col(name).is_null() for name in required},
        "outside_day": pl.col("day") != pl.col("source_day"),
        "return": kept_return if rules.returns == "quarantine" else pl.lit(value=False),
        "non_positive_quantity": quantity == 0,
        "negative_amount": (amount < 0) & ~kept_return,
        "absurd_quantity": quantity.abs() > rules.max_quantity,
    }
    occurs = lines.select(**{reason: applies.any() for reason, applies in verdicts.items()}).row(0, named=True)
    given = [pl.when(applies).then(pl.lit(reason)) for reason, applies in verdicts.items() if occurs[reason]]
    return pl.coalesce(given) if given else pl.lit(None, pl.String)


def _values_refused() -> list[pl.Expr]:
    """The value that a rule refuses, as text."""
    return [
        pl.when(pl.col("reason") == reason).then(pl.col(name).cast(pl.String))
        for reason, name in VALUES_REFUSED.items()
    ]


def delivered_twice(good: pl.DataFrame, rules: EventSettings) -> pl.Series:
    """A line that is there more often than in any one file: two files may overlap, one scan a line is no mistake.

    Of good lines: refused ones make no good line a duplicate.
    """
    fields = ("customer_id", "item_id", "occurred_at", "quantity", "amount", "order_id", "event_type")
    none = pl.repeat(value=False, n=good.height, eager=True)
    if not good.height or (rules.duplicates == "between_files" and len(files_of(good)) == 1):
        return none
    # Hashes tell the few lines that can be equal; those are compared.
    places = good.select(fields).hash_rows().is_duplicated().arg_true()
    lines = good.select("source", *fields)[places]
    if rules.duplicates == "between_files":
        lines = lines.with_columns(nth=pl.int_range(pl.len()).over("source", *fields))
    again = ~lines.select(pl.struct(pl.exclude("source")).is_first_distinct()).to_series()
    return none.scatter(places.filter(again), values=True)
