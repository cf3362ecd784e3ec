"""Reading a shop's columns: ids, times, numbers and text, of whatever type the file gives them.

A value that cannot be read becomes null and is named in `unreadable` and `detail`; judging it is the event
contract's work. What a shop's files are like as a whole is found out in `first_look.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import polars as pl

from ml_assets.ids import IdType, IdTypes
from ml_assets.settings.columns import EventColumns, ItemColumns, RefundColumns
from ml_assets.sources.base import LEFT_OUT, LINE_COLUMNS, line_schema, polars_type
from ml_assets.sources.formats.nested import LINE
from ml_assets.sources.times import UTC_TIME, DateStyle, localized, numbers_as_times, read_times
from ml_assets.sources.values import (
    CANONICAL_INTEGER,
    LOST_DIGITS,
    PLAIN_INTEGER,
    NumberStyle,
    Read,
    read_ids,
    read_numbers,
    read_texts,
)

WHOLE_FLOATS = 2.0**53
LINES_THAT_NAME = 30
YES_WORDS, NO_WORDS = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
# Before a value is the line's own, it must not hide a column of the file.
VALUE, NUMBER = "value of ", "number of the line"
UNREAD = pl.Struct({"unreadable": pl.String, "detail": pl.String})


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
        is_plain = values.dtype.is_integer() and not self._has_number_words
        return texts if is_plain else read_texts(texts, self.null_words)

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


def is_plainly_whole(ids: pl.Series) -> bool:
    """Whether all of them are integers as a database prints them, told fast."""
    if ids.dtype == pl.String:
        return bool(ids.str.contains(PLAIN_INTEGER).all())
    return ids.dtype.is_integer()


def is_whole(column: str, kinds: pl.Schema, reading: Reading) -> pl.Expr:
    """Whether an id is an integer, or missing."""
    if kinds[column].is_integer():
        return pl.lit(value=True)
    if kinds[column].is_float():
        return (pl.col(column) % 1 == 0).fill_null(value=True) | pl.col(column).is_nan()
    return reading.text(column).str.contains(CANONICAL_INTEGER).fill_null(value=True)


def lines(
    frame: pl.LazyFrame,
    mapping: EventColumns | RefundColumns,
    reading: Reading,
    *,
    types: IdTypes,
    source: str,
    source_day: pl.Expr,
    where: str | None = None,
    one: float | None = 1.0,
) -> pl.LazyFrame:
    """The lines of one file in the project's words; `source_day` may refer to the column `day`.

    `where` is a column that says which lines are the shop's events, and `one` the quantity where no column has it.
    """
    kinds = frame.collect_schema()
    frame = reading.carried_down(frame, mapping) if isinstance(mapping, EventColumns) else frame
    schema = line_schema(types)

    def none(field: str) -> pl.Expr:
        return pl.lit(None, schema[field])

    values = {
        "customer_id": reading.id(mapping.customer, kinds, types.customer) if mapping.customer else none("customer_id"),
        "item_id": reading.id(mapping.item, kinds, types.item) if mapping.item else none("item_id"),
        "occurred_at": reading.time(mapping.time, kinds) if mapping.time else none("occurred_at"),
        "quantity": reading.number(mapping.quantity, kinds) if mapping.quantity else pl.lit(one, pl.Float64),
        "amount": reading.number(mapping.amount, kinds) if mapping.amount else none("amount"),
        "order_id": reading.text(mapping.order) if mapping.order else none("order_id"),
        "event_type": reading.text(mapping.event_type) if mapping.event_type else none("event_type"),
    }
    columns = (mapping.customer, mapping.item, mapping.time, mapping.quantity, mapping.amount)
    raw = {field: column for field, column in zip(values, columns, strict=False) if column}
    left_out = [pl.when(~pl.col(where).cast(pl.Boolean).fill_null(value=False)).then(pl.lit(LEFT_OUT))] if where else []
    unread = pl.struct(*(f"{VALUE}{field}" for field in raw), *dict.fromkeys(raw.values())).map_batches(
        partial(_unread, raw=raw, reading=reading), return_dtype=UNREAD, is_elementwise=True
    )
    # Computed once: Polars does not see that functions in Python are called with the same.
    read = frame.with_row_index(NUMBER, 1).with_columns(
        value.alias(f"{VALUE}{field}") for field, value in values.items()
    )
    return (
        read.select(
            *(pl.col(f"{VALUE}{field}").alias(field) for field in values),
            source=pl.lit(source),
            line=(pl.col(LINE) if LINE in kinds else pl.col(NUMBER)).cast(pl.UInt32),
            unread=unread,
            left_out=pl.coalesce(left_out) if left_out else pl.lit(None, pl.String),
        )
        .unnest("unread")
        .with_columns(unreadable=pl.coalesce("left_out", "unreadable"))
        .with_columns(day=pl.col("occurred_at").dt.convert_time_zone(reading.timezone).dt.date())
        .with_columns(source_day=source_day)
        .cast({name: kind for name, kind in schema.items() if name in ("order_id", "source_day")})
        .select(LINE_COLUMNS)
    )


def _unread(lines: pl.Series, raw: Mapping[str, str], reading: Reading) -> pl.Series:
    """Of each line the first field whose value could not be read, and that value; null where all is well."""
    frame = lines.struct.unnest()
    told = pl.DataFrame(schema=UNREAD.to_schema()).clear(frame.height)
    # What is no value of a column is none of the field either.
    lost = {field: pl.col(f"{VALUE}{field}").is_null() & pl.col(column).is_not_null() for field, column in raw.items()}
    if any(frame[f"{VALUE}{field}"].null_count() > frame[column].null_count() for field, column in raw.items()):
        places = frame.select(pl.any_horizontal(*lost.values()).arg_true()).to_series()
        kinds = frame.schema
        bad = {field: lost[field] & reading.is_given(column, kinds) for field, column in raw.items()}
        found = frame[places].select(
            unreadable=pl.coalesce(pl.when(is_bad).then(pl.lit(field)) for field, is_bad in bad.items()),
            detail=pl.coalesce(
                reading.text_of(pl.when(is_bad).then(pl.col(raw[field]))) for field, is_bad in bad.items()
            ),
        )
        told = told.with_columns(column.scatter(places, found[column.name]) for column in told)
    return told.to_struct(lines.name)


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


def one_of_each(
    blocks: Iterable[pl.DataFrame], choose: Callable[[pl.Expr], pl.Expr], nothing: pl.DataFrame
) -> pl.DataFrame:
    """One line for each item of the blocks, sorted, with what `choose` takes of its last LINES_THAT_NAME mentions."""
    words = pl.exclude("item_id")
    held = nothing.cast({name: pl.List(kind) for name, kind in nothing.schema.items() if name != "item_id"})
    for block in blocks:
        mentions = block.drop_nulls("item_id").group_by("item_id", maintain_order=True).agg(words)
        together = pl.concat([held, mentions]).group_by("item_id", maintain_order=True)
        held = together.agg(words.explode().drop_nulls().tail(LINES_THAT_NAME))
    return held.sort("item_id").select("item_id", words.list.eval(choose(pl.element())).list.first())
