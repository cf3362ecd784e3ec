"""The event contract: which lines are events, and why the others are not.

Judging lines belongs here; reading them belongs to `sources/`. Every line that comes in goes out once, as an event
or with a reason in quarantine, so valid + quarantined = read.
"""

from dataclasses import dataclass

import polars as pl

from ml_assets.settings.events import EventSettings
from ml_assets.sources.base import COST, LEFT_OUT, ORDERED_BY, by_day, files_of, with_cost

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
    "unreadable_cost": "The cost is no finite number.",
    "unreadable_refund": "The refund is of an order, or of an item in it, that the source does not hold.",
    "missing_customer_id": "The line has no customer (setting events.guests).",
    "missing_item_id": "The line has no item.",
    "missing_occurred_at": "The line has no time.",
    "missing_quantity": "The quantity is mapped to a column and empty.",
    "outside_day": "The time lies outside the day under which the line was delivered.",
    "return": "A return: negative quantity, or an event type of events.return_types (setting events.returns).",
    "non_positive_quantity": "The quantity is zero.",
    "negative_amount": "The amount is below zero.",
    "negative_cost": "The cost is below zero.",
    "absurd_quantity": "The quantity is above events.max_quantity.",
    "duplicate": "The line was delivered before: every field equals those of a line in another file.",
}
# Which value a rule refuses.
VALUES_REFUSED = {
    "absurd_quantity": "quantity",
    "negative_amount": "amount",
    "negative_cost": COST,
    "return": "quantity",
    "outside_day": "occurred_at",
}


@dataclass(frozen=True)
class CheckedLines:
    """What the contract made of the lines read for some days."""

    valid: pl.DataFrame
    """Events with EVENT_COLUMNS, and COST where the shop has costs, sorted by day, customer, time and item."""
    quarantined: pl.DataFrame
    """Refused lines with QUARANTINE_COLUMNS; `day` is the day under which they were delivered."""
    read: int
    """Number of lines judged."""


def check_lines(lines: pl.DataFrame, rules: EventSettings, measured_items: pl.Series) -> CheckedLines:
    """Judge lines (`sources.base.LINE_COLUMNS`) by the contract.

    `measured_items` are the ids of items sold by measure; their quantity is no count (setting events.measured).
    """
    good, refused = judge(lines, rules, measured_items)
    checked = settle(good, rules)
    return CheckedLines(checked.valid, pl.concat([refused, checked.quarantined]), lines.height)


def judge(lines: pl.DataFrame, rules: EventSettings, measured_items: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the contract makes of each line by itself.

    Returns the good lines, with GOOD_COLUMNS, and the refused ones, with QUARANTINE_COLUMNS, each under the day under
    which it was delivered.
    """
    counted = lines.with_columns(is_return=_is_return(lines, rules), **_counted(rules, measured_items))
    # Reasons are told of few lines: texts for all of them take longer than all the rules.
    is_bad = counted.select(pl.any_horizontal(*_verdicts(counted, rules).values()).fill_null(value=False)).to_series()
    good = counted.select(with_cost(GOOD_COLUMNS, counted))
    good = good.filter(~is_bad) if is_bad.any() else good
    return _signed(good) if rules.returns == "net" else good, _told(counted.filter(is_bad), rules)


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
    days = by_day(valid, "day")
    ordered = [_in_order(days[day]) for day in sorted(days)]
    return pl.concat(ordered) if ordered else valid.select(with_cost(EVENT_COLUMNS, valid))


def _in_order(day: pl.DataFrame) -> pl.DataFrame:
    """EVENT_COLUMNS of one day's lines."""
    keys = ["customer_id", "occurred_at", "item_id"]
    if day["line"].null_count():
        ties = [name for name in with_cost(ORDERED_BY, day) if name not in keys]
    else:
        # Lines of one file come in their order, and sorting keeps it.
        ties = [] if day["line"].is_sorted() else ["line"]
    columns = with_cost(EVENT_COLUMNS, day)
    events = day.select(*columns, *(name for name in ties if name not in columns))
    if day["customer_id"].null_count():
        # A guest without an order buys what one file has at one time.
        of_guest = pl.when(pl.col("customer_id").is_null()).then(pl.format("{} {}", "source", "occurred_at"))
        events = events.with_columns(day.select(pl.coalesce("order_id", of_guest)))
    nulls_last = [False] * len(keys) + [True] * len(ties)
    # A day is sorted sooner than its lines are shared out among threads.
    ordered = events.sort(keys + ties, nulls_last=nulls_last, maintain_order=True, multithreaded=False)
    return ordered.select(columns)


def _is_return(lines: pl.DataFrame, rules: EventSettings) -> pl.Expr:
    is_return = pl.col("quantity") < 0
    if lines["event_type"].count():
        types = [name.lower() for name in rules.return_types]
        is_return |= pl.col("event_type").str.to_lowercase().is_in(types)
    return is_return.fill_null(value=False)


def _counted(rules: EventSettings, measured_items: pl.Series) -> dict[str, pl.Expr]:
    """The quantity that counts, where it is another than the line says."""
    if rules.measured != "count_as_one" or not measured_items.len():
        return {}
    is_measured = pl.col("item_id").is_in(measured_items.implode()) & (pl.col("quantity") > 0)
    return {"quantity": pl.when(is_measured).then(1.0).otherwise("quantity")}


def _signed(lines: pl.DataFrame) -> pl.DataFrame:
    """Returns with negative signs, whichever they came with."""
    if not lines["is_return"].any():
        return lines
    return lines.with_columns(
        pl.when("is_return").then(-pl.col(name).abs()).otherwise(name).alias(name)
        for name in with_cost(("quantity", "amount"), lines)
    )


def _verdicts(lines: pl.DataFrame, rules: EventSettings) -> dict[str, pl.Expr]:
    """By reason whether it applies to a line; the first that does is the reason given."""
    quantity, amount, is_return = pl.col("quantity"), pl.col("amount"), pl.col("is_return")
    required = ("customer_id", "item_id", "occurred_at", "quantity")[rules.guests == "one_off" :]
    fields = lines["unreadable"].drop_nulls().unique(maintain_order=True)
    found = {
        ("left_out" if field == LEFT_OUT else f"unreadable_{field}"): pl.col("unreadable") == field for field in fields
    }
    found |= {f"missing_{name}": pl.col(name).is_null() for name in required if lines[name].null_count()}
    found["outside_day"] = pl.col("day") != pl.col("source_day")
    if rules.returns == "quarantine":
        found["return"] = is_return
    costs = {"negative_cost": (pl.col(COST) < 0) & ~is_return} if COST in lines.columns else {}
    return found | {
        "non_positive_quantity": quantity == 0,
        "negative_amount": (amount < 0) & ~is_return,
        **costs,
        "absurd_quantity": quantity.abs() > rules.max_quantity,
    }


def _told(refused: pl.DataFrame, rules: EventSettings) -> pl.DataFrame:
    """Refused lines with the reason, and the value that was refused."""
    reason = pl.coalesce(pl.when(applies).then(pl.lit(name)) for name, applies in _verdicts(refused, rules).items())
    told = _signed(refused).with_columns(refused.select(reason=reason))
    values = (
        pl.when(pl.col("reason") == reason).then(pl.col(name).cast(pl.String))
        for reason, name in VALUES_REFUSED.items()
        if name in refused.columns
    )
    return quarantine(told.with_columns(pl.coalesce("detail", *values)))


def delivered_twice(good: pl.DataFrame, rules: EventSettings) -> pl.Series:
    """A line that is there more often than in any one file: two files may overlap, one scan a line is no mistake.

    Of good lines: refused ones make no good line a duplicate. Costs do not tell lines apart: shops work them out anew.
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
