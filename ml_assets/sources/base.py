"""The interface between any source of events and the rest of the house.

What every source promises belongs here; where a particular source keeps its lines does not.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, runtime_checkable

import polars as pl

from ml_assets.ids import IdType, IdTypes, polars_type

# Lines as a source hands them over: mapped to the project's words, not yet judged by the event contract.
LINE_COLUMNS = (
    "customer_id",
    "item_id",
    "occurred_at",  # Datetime("us", "UTC"), null where missing or unreadable
    "quantity",  # Float64
    "amount",  # Float64, null where the shop has no amounts
    "order_id",  # String, null where the shop has no orders
    "event_type",  # String, null where the shop has no types
    "day",  # Date: the local day of occurred_at
    "source_day",  # Date: the day under which the source delivered the line
    "source",  # String: the file or data set
    "line",  # UInt32: row in it, from 1, the header not counted; null within blocks of a table, which has no order
    "unreadable",  # String: name of the first field whose value could not be read, or LEFT_OUT; null where all is well
    "detail",  # String: that value
)
COST = "cost"
"""Float64, a column behind the others where the shop has costs: what the whole line cost it, null where not known."""

# By which lines without numbers are put in order.
ORDERED_BY = ("occurred_at", "customer_id", "item_id", "order_id", "quantity", "amount", "event_type")
# Large enough for vectorised work, and small beside any machine's memory.
BLOCK_ROWS = 500_000

# Lines that the shop's own condition (setting source.where) leaves out.
LEFT_OUT = "where"


Again = Callable[[], pl.DataFrame]


@dataclass(frozen=True)
class Block:
    """Some lines (LINE_COLUMNS) of a source."""

    lines: pl.DataFrame
    again: Again | None = None
    """Gives the very same lines once more, whatever has become of the source; None where they would have to be held."""
    over: date | None = None
    """No later block has lines of the days before this one; None where nothing is known of later blocks."""


@dataclass(frozen=True)
class DayRange:
    """First and last day with data, both included, in the shop's time zone."""

    first: date
    last: date


class EventSource(Protocol):
    """Where events and the item catalogue come from."""

    kind: str
    identity: str
    """Where the events come from, in words; two shops with one identity are the same shop."""
    measured_categories: tuple[str, ...]
    is_whole: bool
    """Whether nothing more arrives for a day that is over, so that a newest day without lines is a closed day."""

    def id_types(self) -> IdTypes:
        """The types of customer and item ids, the same for every day."""

    def days(self) -> DayRange:
        """The days that the source covers at this moment.

        Raises `UserError` where nothing readable is found.
        """

    def first_day(self) -> date:
        """The first day of the shop's calendar; once known it stays, whatever happens to the files."""

    def blocks(self, first: date, last: date) -> Iterator[pl.DataFrame]:
        """Every line delivered under the days `first` to `last`, with LINE_COLUMNS and maybe COST, BLOCK_ROWS a time.

        In the order of the files and their lines, so that a day may be spread over many blocks. No line is left out:
        one without a readable time still has a source_day.
        """

    def read_lines(self, first: date, last: date) -> pl.DataFrame:
        """The same at once, numbered, for days that fit into memory."""

    def pieces(self) -> dict[str, str | None]:
        """The parts that change by themselves, such as files, each with a stamp that changes with its content.

        Found without reading them. None: only reading tells.
        """

    def read_piece(self, piece: str, first: date, last: date) -> tuple[pl.DataFrame, date | None]:
        """The lines that one piece has for the days `first` to `last`, as `read_lines`, and its newest day.

        Lines without a source_day belong to the newest day of all pieces.
        """

    def as_found(self) -> dict[str, str]:
        """How the events are written, as it was found out and not set: in words, by the setting that says otherwise."""

    def read_items(self) -> pl.DataFrame:
        """The catalogue: item_id (unique, never null), item_name, category, brand, available; possibly without rows."""


@runtime_checkable
class HoldsLaterLines(Protocol):
    """A source whose lines may be dated after today; they wait for their day."""

    def count_later(self) -> int:
        """How many they are."""

    def later_lines(self) -> pl.DataFrame:
        """Some of them: source, line (null where lines have no number), and the time as text."""


@runtime_checkable
class GivesAgain(Protocol):
    """A source that can give lines again sooner than others could put them aside."""

    def blocks_again(self, first: date, last: date) -> Iterator[Block]:
        """What `EventSource.blocks` gives, with the way to have it once more."""


def with_cost(names: Sequence[str], lines: pl.DataFrame) -> tuple[str, ...]:
    """Names of columns, and that of costs where the lines have them."""
    return (*names, COST) if COST in lines.columns else tuple(names)


def together(blocks: Iterable[pl.DataFrame], types: IdTypes) -> pl.DataFrame:
    """Blocks as one frame of whole days, numbered."""
    found = [block for block in blocks if block.height]
    return numbered(pl.concat(found)) if found else pl.DataFrame(schema=line_schema(types)).select(LINE_COLUMNS)


def numbered(lines: pl.DataFrame, day: str = "source_day") -> pl.DataFrame:
    """Whole days of lines; those that no file gives a number get one, the same whenever the day is the same."""
    if not lines["line"].null_count():
        return lines
    days = by_day(lines, day)
    number = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).alias("line")
    keys = with_cost(ORDERED_BY, lines)
    ordered = (days[one].sort(keys, nulls_last=True, maintain_order=True) for one in sorted(days))
    return pl.concat(lines.with_columns(number) for lines in ordered)


def by_day(lines: pl.DataFrame, column: str) -> dict[date, pl.DataFrame]:
    """The lines of each day, the days and their lines in the order in which they come.

    Days that lie one after the other, as shops usually deliver them, are cut out of the frame without being copied.
    """
    days = lines[column]
    if not days.is_sorted():
        parts = lines.partition_by(column, as_dict=True, maintain_order=True)
        return {day: part for (day,), part in parts.items()}
    found, start = {}, 0
    for rows, day in days.rle().struct.unnest().iter_rows():
        found[day] = lines.slice(start, rows)
        start += rows
    return found


def files_of(lines: pl.DataFrame) -> set[str]:
    """The files that the lines come from; mostly it is one, which is told by comparing."""
    files = lines["source"]
    return {files[0]} if len(files) and (files == files[0]).all() else set(files.unique())


def days_of(source: EventSource, first: date, last: date) -> set[date]:
    """The days of a range for which a source has lines."""
    return {day for block in source.blocks(first, last) for day in block["source_day"].unique()}


def empty_items(item_type: IdType) -> pl.DataFrame:
    """A catalogue without rows."""
    texts = dict.fromkeys(("item_name", "category", "brand"), pl.String)
    return pl.DataFrame(schema={"item_id": polars_type(item_type), **texts, "available": pl.Boolean})


def line_schema(types: IdTypes) -> dict[str, pl.DataType | type[pl.DataType]]:
    """Types of the columns that every source hands over; of costs it is Float64."""
    return {
        "customer_id": polars_type(types.customer),
        "item_id": polars_type(types.item),
        "occurred_at": pl.Datetime("us", "UTC"),
        "quantity": pl.Float64,
        "amount": pl.Float64,
        "order_id": pl.String,
        "event_type": pl.String,
        "day": pl.Date,
        "source_day": pl.Date,
        "source": pl.String,
        "line": pl.UInt32,
        "unreadable": pl.String,
        "detail": pl.String,
    }
