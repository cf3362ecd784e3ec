"""Where events come from, one section for each kind of source: the built-in data, files, database files, PostgreSQL.

A new kind is a section here, a member of `Source`, and its module with a row of `sources/build.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, SecretStr

from ml_assets.settings.columns import EventColumns, ItemColumns, RefundColumns, UndatedOrders
from ml_assets.settings.durations import PositiveDuration
from ml_assets.settings.section import Section


class SourceSection(Section):
    """What every kind has; each has a literal `kind` beside."""

    paths: ClassVar[tuple[str, ...]] = ()
    """Keys of paths, which start at the folder of the YAML file where they are relative."""
    preset: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Keys below `recommender` as they are where the shop does not say: the source knows its own goods."""


class CompleteJourneySource(SourceSection):
    """The built-in 84.51 degrees Complete Journey data: 2,469 households of a grocery chain in 2017."""

    preset = MappingProxyType(
        {
            "exclude_categories": ("Coupon", "Coupon/misc items", "Coupons/store & mfg", "Bottle deposits"),
            "exclude_new_categories": ("Fuel",),
        }
    )

    kind: Literal["complete_journey"] = "complete_journey"
    replay: bool = Field(
        default=True,
        description="Shift the year 2017 by whole weeks so that about ten months are history and a new day arrives "
        "every day, year after year. Off: the data keeps its 2017 dates.",
    )
    replay_start: date | None = Field(
        default=None,
        description="First day of the replayed history. Unset: 44 weeks before the first use, then remembered in "
        "the home folder.",
    )


# How lines are read is said in the same words, whatever they lie in.
OrdersOn = Annotated[str, Field(description="Column that both have, or `column of lines = column of orders`.")]
Numbers = Annotated[
    Literal["auto", "1,234.56", "1.234,56"],
    Field(
        description="How quantities and amounts are written in text. auto: found out from the files when the shop is "
        "first seen, then remembered. Currencies and blanks around a number never matter."
    ),
]
Dates = Annotated[
    Literal["auto", "2026-12-31", "31.12.2026", "12/31/2026"],
    Field(
        description="How dates are written where they do not begin with the year: day or month first, whatever stands "
        "between. auto: found out from the files when the shop is first seen, then remembered. ISO dates, month names, "
        "seconds since 1970 and spreadsheets' day numbers are always read."
    ),
]
Where = Annotated[
    str | None,
    Field(
        description="Which lines are the shop's events: an SQL condition over the columns, such as "
        "`Status <> 'cancelled'`. The others are set aside as left_out. Unset: all."
    ),
]
OrderFields = Annotated[
    Literal["every_line", "first_line"],
    Field(
        description="first_line: customer, time and event type stand on the first line of an order and hold for its "
        "further lines (needs columns.order)."
    ),
]
NULL_WORDS = (
    "Words that mean no value in any mapped column, capitals or not; empty text always does. Take a word out where "
    "somebody is really called so."
)


class FilesSource(SourceSection):
    """CSV, Parquet, NDJSON or Excel files: one file, a folder or a glob, local or in an object store."""

    paths = ("events", "items", "orders", "refunds")

    kind: Literal["files"]
    events: str = Field(description="File, folder or glob. Relative paths start at the folder of the YAML file.")
    columns: EventColumns = EventColumns()
    items: str | None = Field(default=None, description="Item catalogue: file, folder or glob. Unset: from the events.")
    item_columns: ItemColumns = ItemColumns()
    orders: str | None = Field(
        default=None,
        description="Files with one line per order, where `events` holds only their items: file, folder or glob. Their "
        "columns are added to every line of the order; one that both have is called NAME_of_order.",
    )
    orders_on: OrdersOn = "order_id"
    refunds: str | None = Field(
        default=None,
        description="Refunds, where they are not lines of the events: file, folder or glob with one line per refund of "
        "an item or an order. Needs columns.order and events.returns: net.",
    )
    refund_columns: RefundColumns = RefundColumns()
    undated: UndatedOrders | None = Field(
        default=None, description="How `orders` without a date are laid on a calendar. Unset: they have one."
    )
    unnest: str | None = Field(
        default=None,
        description="Column with a list of items, as trackers write them (`items` in exports of Google Analytics 4): "
        "each item becomes a line, its fields columns.",
    )
    format: Literal["auto", "parquet", "arrow", "csv", "ndjson", "excel"] = Field(
        default="auto", description="auto: by the files' ending; one file of another ending is taken for CSV."
    )
    encoding: str = Field(
        default="auto",
        description="Of CSV files: auto, or a name such as utf-8, utf-16, windows-1252. auto: found out for each file.",
    )
    csv_separator: str = Field(
        default="auto",
        pattern=r"^(auto|[\x01-\x7f])$",
        description="Between the fields of CSV files: auto, or one ASCII sign; a blank is any number of them. "
        "auto: the one of , ; tab | that gives the mapped columns.",
    )
    csv_header: list[str] | None = Field(
        default=None,
        min_length=1,
        description="Names of the columns, in their order, of CSV files without a header line. Unset: the first line "
        "of each file has them.",
    )
    csv_quote: str = Field(
        default='"', pattern=r"^[\x01-\x7f]?$", description="Around fields of CSV files; empty: quotes are text."
    )
    sheet: str | None = Field(
        default=None, description="Of Excel workbooks. Unset: the only sheet that has the mapped columns."
    )
    null_words: list[str] = Field(
        default=["null", "none", "nan", "n/a", "(null)", "\\N", "-", "(not set)"],
        description=NULL_WORDS,
    )
    numbers: Numbers = "auto"
    dates: Dates = "auto"
    where: Where = None
    order_fields: OrderFields = "every_line"
    day_from: Literal["time", "path"] = Field(
        default="time",
        description="time: an event belongs to the day of its time. path: to the ISO date in its file's path "
        "(events/2024-05-31.parquet, events/day=2024-05-31/part-0.parquet); other times are quarantined.",
    )


class DatabaseFileSource(SourceSection):
    """A file with tables, of which one has a line per item of an order."""

    paths = ("database",)

    database: str = Field(description="The file. Relative paths start at the folder of the YAML file.")
    table: str = Field(min_length=1, description="Table or view, or a query (`SELECT ... FROM ... JOIN ...`).")
    columns: EventColumns = EventColumns()
    items: str | None = Field(default=None, description="Item catalogue: table, view or query. Unset: from the lines.")
    item_columns: ItemColumns = ItemColumns()
    orders: str | None = Field(
        default=None,
        description="Table with one line per order, where `table` holds only their items: table, view or query. Their "
        "columns are added to every line of the order; one that both have is called NAME_of_order.",
    )
    orders_on: OrdersOn = "order_id"
    refunds: str | None = Field(
        default=None,
        description="Refunds, where they are not lines of the table: table, view or query with one line per refund of "
        "an item or an order. Needs columns.order and events.returns: net.",
    )
    refund_columns: RefundColumns = RefundColumns()
    null_words: list[str] = Field(
        default=["null", "none", "nan", "n/a", "(null)", "\\N", "-"],
        description=NULL_WORDS,
    )
    numbers: Numbers = "auto"
    dates: Dates = "auto"
    where: Where = None
    order_fields: OrderFields = "every_line"
    day_from: ClassVar[Literal["time"]] = "time"


class SqliteSource(DatabaseFileSource):
    """A table of a SQLite file; its values are read as texts are."""

    kind: Literal["sqlite"]


class DuckdbSource(DatabaseFileSource):
    """A table of a DuckDB file."""

    kind: Literal["duckdb"]


class PostgresSource(SourceSection):
    """The shop's PostgreSQL: a table, a view or a query with one line per item of an order."""

    kind: Literal["postgres"]
    table: str = Field(
        min_length=1, description="Table or view (`sales.order_lines`), or a query (`SELECT ... FROM ... JOIN ...`)."
    )
    url: SecretStr | None = Field(
        default=None,
        description="Its database; a role with SELECT is enough, a replica is good. Unset: database_url, where orders "
        "and lists share a database. Best set as ML_ASSETS_SOURCE__URL, which keeps the password out of the file.",
    )
    columns: EventColumns = EventColumns()
    where: str | None = Field(
        default=None,
        description="Which lines are the shop's events: a condition. The others are set aside as left_out.",
    )
    updated_at: str | None = Field(
        default=None,
        description="Column that changes whenever a line does: corrections are then found by its newest value per day. "
        "Unset: by a fingerprint of all columns, for which the newest days are read whole.",
    )
    items: str | None = Field(default=None, description="Item catalogue: table, view or query. Unset: from the lines.")
    item_columns: ItemColumns = ItemColumns()
    refunds: str | None = Field(
        default=None,
        description="Refunds, where they are not lines of the table: table, view or query with one line per refund of "
        "an item or an order. Needs columns.order and events.returns: net.",
    )
    refund_columns: RefundColumns = RefundColumns()
    statement_timeout: PositiveDuration = Field(
        default=timedelta(minutes=30), description="A statement that takes longer is cancelled."
    )


Source = Annotated[
    CompleteJourneySource | FilesSource | SqliteSource | DuckdbSource | PostgresSource, Field(discriminator="kind")
]

KINDS: dict[str, type[SourceSection]] = {
    get_args(section.model_fields["kind"].annotation)[0]: section for section in get_args(get_args(Source)[0])
}
"""The section of each kind."""


def kind_by_keys(given: Mapping[str, Any]) -> str:
    """The kind that a section without one means: the one that requires most of the keys given, none that are not.

    `{replay: false}` means the built-in data, which requires nothing; `{events: ...}` means files.
    """
    required = {
        kind: {name for name, field in section.model_fields.items() if field.is_required()} - {"kind"}
        for kind, section in KINDS.items()
    }
    return max((kind for kind in KINDS if required[kind] <= given.keys()), key=lambda kind: len(required[kind]))
