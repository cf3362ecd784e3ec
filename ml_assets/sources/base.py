"""The interface between any source of events and the rest of the house.

What every source promises belongs here; where a particular source keeps its lines does not.
"""

from dataclasses import dataclass
from datetime import date
from typing import Protocol, runtime_checkable

import polars as pl

from ml_assets.ids import IdType, IdTypes

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
    "line",  # UInt32: row in it, from 1, the header not counted
    "unreadable",  # String: name of the first field whose value could not be read, or LEFT_OUT; null where all is well
    "detail",  # String: that value
)

# Lines that the shop's own condition (setting source.where) leaves out.
LEFT_OUT = "where"


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

    def read_lines(self, first: date, last: date) -> pl.DataFrame:
        """Every line delivered under the days `first` to `last`, with the columns LINE_COLUMNS.

        No line is left out: one without a readable time still has a source_day.
        """

    def pieces(self) -> dict[str, str | None]:
        """The parts that change by themselves, such as files, each with a stamp that changes with its content.

        Found without reading them. None: only reading tells.
        """

    def read_piece(self, piece: str, first: date, last: date) -> tuple[pl.DataFrame, date | None]:
        """The lines that one piece has for the days `first` to `last`, as `read_lines`, and its newest day.

        Lines without a source_day belong to the newest day of all pieces.
        """

    def read_items(self) -> pl.DataFrame:
        """The catalogue: item_id (unique, never null), item_name, category, brand, available; possibly without rows."""


@runtime_checkable
class HoldsLaterLines(Protocol):
    """A source whose lines may be dated after today; they wait for their day."""

    def later_lines(self) -> pl.DataFrame:
        """Those lines: source, line, and the time as text."""


def polars_type(id_type: IdType) -> type[pl.Int64] | type[pl.String]:
    """The frame type of an identifier."""
    return pl.Int64 if id_type == "bigint" else pl.String


def empty_items(item_type: IdType) -> pl.DataFrame:
    """A catalogue without rows."""
    texts = dict.fromkeys(("item_name", "category", "brand"), pl.String)
    return pl.DataFrame(schema={"item_id": polars_type(item_type), **texts, "available": pl.Boolean})
