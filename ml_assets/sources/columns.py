"""Reading a shop's columns: ids, times, numbers and text, of whatever type the file gives them.

A value that cannot be read becomes null and is named in `unreadable` and `detail`; judging it is the event
contract's work. What a shop's files are like as a whole is found out in `first_look.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import polars as pl

from ml_assets.ids import IdType, IdTypes, polars_type
from ml_assets.settings.columns import EventColumns, RefundColumns
from ml_assets.sources.base import COST, LEFT_OUT, LINE_COLUMNS, line_schema, with_cost
from ml_assets.sources.formats.nested import LINE
from ml_assets.sources.times import UTC_TIME, DateStyle, localized, numbers_as_times, read_times
from ml_assets.sources.values import (
    CANONICAL_INTEGER,
    LOST_DIGITS,
    NumberStyle,
    Read,
    read_ids,
    read_numbers,
    read_texts,
)

WHOLE_FLOATS = 2.0**53
YES_WORDS, NO_WORDS = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
# Before a value is the line's own, it must not hide a column of the file.
VALUE, NUMBER = "lost value of ", "number of the line"
LEAVES_OUT = "the condition leaves it out"
UNREAD = ("unreadable", "detail")
FIELDS = {
    "customer_id": "customer",
    "item_id": "item",
    "occurred_at": "time",
    "quantity": "quantity",
    "amount": "amount",
    "order_id": "order",
    "event_type": "event_type",
    COST: "cost",
}
"""What lines consist of, and the setting that says where it stands."""
TOLD = ("customer_id", "item_id", "occurred_at", "quantity", "amount", COST)
"""Those of which a value may be unreadable."""


@dataclass(frozen=True)
class Reading:
    """How the values of a shop's files are written."""

    timezone: str
    null_words: tuple[str, ...] = ()
    """Words for no value, in small letters."""
    numbers: NumberStyle = "1,234.56"
    dates: DateStyle = "2026-12-31"
    order_fields: Literal["every_line", "first_line"] = "every_line"

    def text(self, column: str) -> pl.Expr:
        """Text without surrounding blanks; empty text and words for no value are missing."""
        return self.text_of(pl.col(column))

    def text_of(self, value: pl.Expr) -> pl.Expr:
        """The same of any expression."""
        return value.map_batches(self._texts, return_dtype=pl.String, is_elementwise=True)

    def _texts(self, values: pl.Series) -> pl.Series:
        texts = values.cast(pl.String)
        # Whether texts are whole numbers, which have no blanks, is told sooner than whether they have blanks.
        are_numbers = not self._has_number_words and _are_whole_numbers(values)
        return texts if are_numbers else read_texts(texts, self.null_words)

    def is_given(self, column: str, kinds: pl.Schema) -> pl.Expr:
        """Whether there is a value at all; in floating-point columns NaN is how other tools write none."""
        if kinds[column].is_float():
            return pl.col(column).is_not_null() & pl.col(column).is_not_nan()
        if kinds[column].is_temporal() or (kinds[column].is_integer() and not self._has_number_words):
            return pl.col(column).is_not_null()
        return self.text(column).is_not_null()

    @property
    def _has_number_words(self) -> bool:
        """Whether a number may mean no value."""
        return any(word.lstrip("-").isdigit() for word in self.null_words)

    def id(self, column: str, kinds: pl.Schema, wanted: IdType) -> pl.Expr:
        """An id of the shop's type; null where it is none, or has lost digits."""
        kind = kinds[column]
        if wanted == "bigint" and kind.is_integer():
            return pl.col(column).cast(pl.Int64, strict=False)
        if wanted == "bigint" and kind.is_numeric():
            whole = pl.col(column).cast(pl.Int64, strict=False)
            is_whole = whole.cast(pl.Float64) == pl.col(column).cast(pl.Float64)
            return pl.when(is_whole & ~has_lost_digits(column, kinds)).then(whole)
        read = partial(read_ids, wanted=wanted, null_words=self.null_words)
        return _each(pl.col(column), read, polars_type(wanted))

    def number(self, column: str, kinds: pl.Schema) -> pl.Expr:
        """A finite number; null where the value is none in the shop's way to write them."""
        if kinds[column].is_numeric():
            number = pl.col(column).cast(pl.Float64, strict=False)
            return pl.when(number.is_finite()).then(number)
        return _each(pl.col(column), partial(read_numbers, style=self.numbers, null_words=self.null_words), pl.Float64)

    def time(self, column: str, kinds: pl.Schema) -> pl.Expr:
        """A moment; without a zone of its own it is in the shop's."""
        kind = kinds[column]
        value = pl.col(column)
        if isinstance(kind, pl.Datetime):
            return value.cast(UTC_TIME) if kind.time_zone else localized(value.cast(pl.Datetime("us")), self.timezone)
        if kind == pl.Date:
            return localized(value.cast(pl.Datetime("us")), self.timezone)
        if kind.is_float():
            return numbers_as_times(value, self.timezone)
        read = partial(read_times, style=self.dates, timezone=self.timezone, null_words=self.null_words)
        return _each(value, read, UTC_TIME)

    def local_day(self, frame: pl.LazyFrame, column: str) -> pl.Expr:
        """The shop's calendar day of a time column."""
        return self.time(column, frame.collect_schema()).dt.convert_time_zone(self.timezone).dt.date()

    def flag(self, column: str) -> pl.Expr:
        """Yes or no in any of the usual spellings; anything else is not known."""
        word = self.text(column).str.to_lowercase()
        no = pl.when(word.is_in(NO_WORDS)).then(pl.lit(value=False))
        return no.when(word.is_in(YES_WORDS)).then(pl.lit(value=True))

    def carried_down(self, frame: pl.LazyFrame, mapping: EventColumns) -> pl.LazyFrame:
        """The lines with what belongs to their whole order, where it stands on its first line only."""
        if self.order_fields == "every_line" or mapping.order is None:
            return frame
        kinds = frame.collect_schema()
        fields = {field for field in (mapping.customer, mapping.time, mapping.event_type) if field}
        order = self.text(mapping.order)
        return frame.with_columns(
            pl.when(self.is_given(field, kinds)).then(pl.col(field)).forward_fill().over(order) for field in fields
        )


def _are_whole_numbers(values: pl.Series) -> bool:
    if values.dtype == pl.String:
        return values.cast(pl.Int64, strict=False).null_count() == values.null_count()
    return values.dtype.is_integer()


def _each(value: pl.Expr, read: Read, kind: pl.DataType | type[pl.DataType]) -> pl.Expr:
    """What a reader makes of values, as text."""
    return value.cast(pl.String).map_batches(read, return_dtype=kind, is_elementwise=True)


def has_lost_digits(column: str, kinds: pl.Schema) -> pl.Expr:
    """Whether an id went through a number that cannot hold it, so that different ids may have become one."""
    kind = kinds[column]
    if kind.is_float():
        return pl.col(column).is_finite() & (pl.col(column).abs() > WHOLE_FLOATS)
    if kind.is_numeric():
        return pl.lit(value=False)
    return pl.col(column).cast(pl.String).str.strip_chars().str.contains(LOST_DIGITS)


def is_whole(column: str, kinds: pl.Schema, reading: Reading) -> pl.Expr:
    """Whether an id is an integer, or missing."""
    if kinds[column].is_integer():
        return pl.lit(value=True)
    if kinds[column].is_float():
        return (pl.col(column) % 1 == 0).fill_null(value=True) | pl.col(column).is_nan()
    return reading.text(column).str.contains(CANONICAL_INTEGER).fill_null(value=True)


def needed(
    frame: pl.LazyFrame, mapping: EventColumns | RefundColumns, reading: Reading, where: str | None
) -> pl.LazyFrame:
    """Of the lines of a file what `read_fields` takes."""
    kinds = frame.collect_schema()
    texts = [*(getattr(mapping, field) for field in FIELDS.values() if hasattr(mapping, field)), where]
    frame = reading.carried_down(frame, mapping) if isinstance(mapping, EventColumns) else frame
    return frame.select(list(dict.fromkeys([*filter(None, texts), *([LINE] if LINE in kinds else [])])))


def read_fields(
    block: pl.DataFrame,
    mapping: EventColumns | RefundColumns,
    reading: Reading,
    *,
    types: IdTypes,
    first_line: int | None = 1,
    where: str | None = None,
) -> pl.DataFrame:
    """Some lines of one file (`needed`) in the project's words, for `whole_lines`: only what differs among them.

    `where` is a column that says which lines are the shop's events. Without a first line they have neither number nor
    day.
    """
    kinds = block.schema
    raw = {field: column for field, name in FIELDS.items() if (column := getattr(mapping, name, None))}
    ways: dict[str, Callable[[str], pl.Expr]] = {
        "customer_id": lambda column: reading.id(column, kinds, types.customer),
        "item_id": lambda column: reading.id(column, kinds, types.item),
        "occurred_at": lambda column: reading.time(column, kinds),
        "quantity": lambda column: reading.number(column, kinds),
        "amount": lambda column: reading.number(column, kinds),
        "order_id": lambda column: reading.text(column).cast(pl.String),
        "event_type": reading.text,
        COST: lambda column: reading.number(column, kinds),
    }
    read = block.select(ways[field](column).alias(field) for field, column in raw.items())
    more: list[pl.Expr | pl.Series] = []
    if first_line is not None:
        counted = pl.int_range(first_line, first_line + pl.len(), dtype=pl.UInt32)
        more.append((block[LINE].cast(pl.UInt32) if LINE in kinds else counted).alias("line"))
        if mapping.time:
            more.append(pl.col("occurred_at").dt.convert_time_zone(reading.timezone).dt.date().alias("day"))
    if where:
        holds = block.select(pl.col(where).cast(pl.Boolean).fill_null(value=False)).to_series()
        more.append((~holds).alias(LEAVES_OUT))
    told = _unread(block, read, {field: raw[field] for field in TOLD if field in raw}, reading)
    return read.with_columns(*more, *(told if told is not None else ()))


def whole_lines(
    fields: pl.DataFrame, types: IdTypes, source: str, source_day: pl.Expr, one: float | None = 1.0
) -> pl.DataFrame:
    """LINE_COLUMNS (and COST) out of `read_fields`; `source_day` may refer to the column `day`.

    `one` is the quantity where no column has it.
    """
    schema = line_schema(types)
    if LEAVES_OUT in fields.columns:
        told = pl.col("unreadable") if "unreadable" in fields.columns else pl.lit(None, pl.String)
        left_out = pl.when(LEAVES_OUT).then(pl.lit(LEFT_OUT))
        fields = fields.with_columns(unreadable=pl.coalesce(left_out, told))
    # Columns of one value are added as such, and take no memory.
    same = {name: pl.lit(None, schema[name]) for name in LINE_COLUMNS if name not in fields.columns}
    same |= {"source": pl.lit(source)} | ({"quantity": pl.lit(one, pl.Float64)} if "quantity" in same else {})
    dated = fields.with_columns(**same).with_columns(source_day=source_day.cast(pl.Date))
    return dated.select(with_cost(LINE_COLUMNS, fields))


def _unread(block: pl.DataFrame, read: pl.DataFrame, raw: Mapping[str, str], reading: Reading) -> pl.DataFrame | None:
    """Of each line the first field whose value could not be read, and that value; None where all is well."""
    # What is no value of a column is none of the field either.
    if all(read[field].null_count() == block[column].null_count() for field, column in raw.items()):
        return None
    kinds = block.schema
    lost = {field: read[field].is_null() & block[column].is_not_null() for field, column in raw.items()}
    places = pl.DataFrame(lost).select(pl.any_horizontal(pl.all()).arg_true()).to_series()
    lines = block[places].with_columns(lost[field][places].alias(f"{VALUE}{field}") for field in raw)
    bad = {field: pl.col(f"{VALUE}{field}") & reading.is_given(column, kinds) for field, column in raw.items()}
    found = lines.select(
        unreadable=pl.coalesce(pl.when(is_bad).then(pl.lit(field)) for field, is_bad in bad.items()),
        detail=pl.coalesce(reading.text_of(pl.when(is_bad).then(pl.col(raw[field]))) for field, is_bad in bad.items()),
    )
    if found["unreadable"].null_count() == found.height:
        return None

    def throughout(values: pl.Series) -> pl.Series:
        return pl.repeat(None, block.height, dtype=pl.String, eager=True).scatter(places, values)

    return pl.DataFrame({name: throughout(found[name]) for name in UNREAD})
