"""Reading a shop's columns: ids, times, numbers and text, of whatever type the file gives them.

A value that cannot be read becomes null and is named in `unreadable` and `detail`; judging it is the event
contract's work. What a shop's files are like as a whole is found out in `first_look.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import polars as pl

from ml_assets.ids import IdType, IdTypes
from ml_assets.settings.source import EventColumns, ItemColumns
from ml_assets.sources.base import LEFT_OUT, polars_type
from ml_assets.sources.formats.nested import LINE
from ml_assets.sources.times import UTC_TIME, DateStyle, localized, numbers_as_times, read_times

NumberStyle = Literal["1,234.56", "1.234,56"]
# An integer as a database would print it: 007 is text, or its zeros would be lost. A tool that has no empty integers
# writes 17 as 17.0.
CANONICAL_INTEGER = r"^(0|-?[1-9][0-9]{0,17})(\.0+)?$"
# 1.23457E+18 is what spreadsheets leave of 19 digits, and a float holds 15 of them.
LOST_DIGITS = r"^-?([0-9](\.[0-9]+)?[eE]\+[0-9]+|[0-9]{16,}\.0+)$"
WHOLE_FLOATS = 2.0**53
LINES_THAT_NAME = 30
YES_WORDS, NO_WORDS = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
# Blanks of all kinds and apostrophes between thousands, currencies on either side.
AROUND_NUMBERS = r"[\s\u00a0\u202f'\u2019]|^[A-Z]{3}|[A-Z]{3}$|[$\u20ac\u00a3\u00a5]"
# Signs that are left out, and the one that stands before decimals.
SIGNS: dict[NumberStyle, tuple[str, str]] = {"1,234.56": (",", "."), "1.234,56": (".", ",")}


def line_schema(types: IdTypes) -> dict[str, pl.DataType | type[pl.DataType]]:
    """Types of the columns that every source hands over."""
    return {
        "customer_id": polars_type(types.customer),
        "item_id": polars_type(types.item),
        "occurred_at": UTC_TIME,
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
        text = pl.col(column).cast(pl.String).str.strip_chars()
        return pl.when(~text.str.to_lowercase().is_in(["", *self.null_words])).then(text)

    def is_given(self, column: str, kinds: pl.Schema) -> pl.Expr:
        """Whether there is a value at all; in floating-point columns NaN is how other tools write none."""
        if kinds[column].is_float():
            return pl.col(column).is_not_null() & pl.col(column).is_not_nan()
        return self.text(column).is_not_null()

    def id(self, column: str, kinds: pl.Schema, wanted: IdType) -> pl.Expr:
        """An id of the shop's type; null where it is none, or has lost digits."""
        kind = kinds[column]
        if wanted == "bigint":
            if kind.is_numeric():
                whole = pl.col(column).cast(pl.Int64, strict=False)
                is_whole = whole.cast(pl.Float64) == pl.col(column).cast(pl.Float64)
                return pl.when(is_whole & ~has_lost_digits(column, kinds)).then(whole)
            text = self.text(column)
            is_whole = text.str.contains(CANONICAL_INTEGER) & ~has_lost_digits(column, kinds)
            return pl.when(is_whole).then(text.str.replace(r"\.0+$", "")).cast(pl.Int64, strict=False)
        text = self.text(column)
        # PostgreSQL has no way to store this character.
        return pl.when(~text.str.contains("\x00", literal=True) & ~has_lost_digits(column, kinds)).then(text)

    def number(self, column: str, kinds: pl.Schema) -> pl.Expr:
        """A finite number; null where the value is none in the shop's way to write them."""
        if kinds[column].is_numeric():
            number = pl.col(column).cast(pl.Float64, strict=False)
        else:
            between, before = SIGNS[self.numbers]
            bare = self.text(column).str.replace_all(AROUND_NUMBERS, "")
            # Accountants write (3.50), mainframes 3.50-.
            bare = bare.str.replace(r"^\((.*)\)$|^(.*)-$", "-$1$2")
            grouped = rf"^-?[0-9]{{1,3}}(\{between}[0-9]{{3}})+(\{before}[0-9]*)?$"
            plain = (
                pl.when(bare.str.contains(grouped))
                .then(bare.str.replace_all(between, "", literal=True))
                .when(~bare.str.contains(between, literal=True))
                .then(bare)
            )
            number = plain.str.replace(before, ".", literal=True).cast(pl.Float64, strict=False)
        return pl.when(number.is_finite()).then(number)

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
        read = partial(read_times, style=self.dates, timezone=self.timezone)
        return self.text(column).map_batches(read, return_dtype=UTC_TIME, is_elementwise=True)

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


def has_lost_digits(column: str, kinds: pl.Schema) -> pl.Expr:
    """Whether an id went through a number that cannot hold it, so that different ids may have become one."""
    kind = kinds[column]
    if kind.is_float():
        return pl.col(column).is_finite() & (pl.col(column).abs() > WHOLE_FLOATS)
    if kind.is_numeric():
        return pl.lit(value=False)
    return pl.col(column).cast(pl.String).str.strip_chars().str.contains(LOST_DIGITS)


def id_type(frames: Sequence[pl.LazyFrame], column: str, reading: Reading) -> IdType:
    """bigint where every value of a column is an integer."""
    for frame in frames:
        kind = frame.collect_schema()[column]
        if kind.is_integer():
            continue
        if kind.is_float():
            whole = pl.col(column).drop_nulls().drop_nans() % 1 == 0
        else:
            whole = reading.text(column).drop_nulls().str.contains(CANONICAL_INTEGER)
        if not frame.select(whole.all()).collect().item():
            return "text"
    return "bigint"


def lines(
    frame: pl.LazyFrame,
    mapping: EventColumns,
    reading: Reading,
    *,
    types: IdTypes,
    source: str,
    source_day: pl.Expr,
    where: str | None = None,
) -> pl.LazyFrame:
    """The lines of one file in the project's words; `source_day` may refer to the column `day`.

    `where` is a column that says which lines are the shop's events.
    """
    kinds = frame.collect_schema()
    frame = reading.carried_down(frame, mapping)
    values = {
        "customer_id": reading.id(mapping.customer, kinds, types.customer),
        "item_id": reading.id(mapping.item, kinds, types.item),
        "occurred_at": reading.time(mapping.time, kinds),
        "quantity": reading.number(mapping.quantity, kinds) if mapping.quantity else pl.lit(1.0),
        "amount": reading.number(mapping.amount, kinds) if mapping.amount else pl.lit(None, pl.Float64),
        "order_id": reading.text(mapping.order) if mapping.order else pl.lit(None, pl.String),
        "event_type": reading.text(mapping.event_type) if mapping.event_type else pl.lit(None, pl.String),
    }
    raw = {
        "customer_id": mapping.customer,
        "item_id": mapping.item,
        "occurred_at": mapping.time,
        "quantity": mapping.quantity,
        "amount": mapping.amount,
    }
    lost = {field: values[field].is_null() & reading.is_given(column, kinds) for field, column in raw.items() if column}
    left_out = [pl.when(~pl.col(where).cast(pl.Boolean).fill_null(value=False)).then(pl.lit(LEFT_OUT))] if where else []
    return (
        frame.select(
            **values,
            source=pl.lit(source),
            line=pl.col(LINE) if LINE in kinds else pl.int_range(1, pl.len() + 1, dtype=pl.UInt32),
            unreadable=pl.coalesce(*left_out, *(pl.when(bad).then(pl.lit(field)) for field, bad in lost.items())),
            detail=pl.coalesce(pl.when(bad).then(reading.text(raw[field] or field)) for field, bad in lost.items()),
        )
        .with_columns(day=pl.col("occurred_at").dt.convert_time_zone(reading.timezone).dt.date())
        .with_columns(source_day=source_day)
        .cast({name: kind for name, kind in line_schema(types).items() if name in ("order_id", "source_day")})
    )


def newest(values: pl.Expr) -> pl.Expr:
    """Of what is said of an item the last."""
    return values.drop_nulls().last()


def usual(values: pl.Expr) -> pl.Expr:
    """Of what lines say of an item the most common of the last, so that `damaged?` on one of them renames nothing."""
    # The newest first, so that of two that are equally common it wins.
    return values.drop_nulls().tail(LINES_THAT_NAME).reverse().mode(maintain_order=True).first()


def items(frame: pl.LazyFrame, mapping: ItemColumns, reading: Reading, item_type: IdType) -> pl.LazyFrame:
    """Catalogue columns of one file; all but the id may be absent."""
    texts = {"item_name": mapping.name, "category": mapping.category, "brand": mapping.brand}
    return frame.select(
        item_id=reading.id(mapping.item, frame.collect_schema(), item_type),
        **{name: reading.text(column) if column else pl.lit(None, pl.String) for name, column in texts.items()},
        available=reading.flag(mapping.available) if mapping.available else pl.lit(None, pl.Boolean),
    )
