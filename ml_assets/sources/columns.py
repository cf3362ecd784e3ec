"""Reading a shop's columns: ids, times, numbers and text, of whatever type the file gives them.

A value that cannot be read becomes null and is named in `unreadable` and `detail`; judging it is the event
contract's work.
"""

from collections.abc import Sequence

import polars as pl

from ml_assets.ids import IdType, IdTypes
from ml_assets.settings.source import EventColumns, ItemColumns
from ml_assets.sources.base import polars_type

# An integer as a database would print it: 007 is text, or its zeros would be lost.
CANONICAL_INTEGER = r"^(0|-?[1-9][0-9]{0,17})$"
UTC_TIME = pl.Datetime("us", "UTC")
YES_WORDS, NO_WORDS = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
ISO_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")


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


def id_type(frames: Sequence[pl.LazyFrame], column: str) -> IdType:
    """bigint where every value of a column is an integer."""
    for frame in frames:
        kind = frame.collect_schema()[column]
        if kind.is_integer():
            continue
        if kind.is_float():
            whole = pl.col(column).drop_nulls().drop_nans() % 1 == 0
        else:
            text = _text(column)
            whole = text.drop_nulls().str.contains(CANONICAL_INTEGER)
        if not frame.select(whole.all()).collect().item():
            return "text"
    return "bigint"


def lines(
    frame: pl.LazyFrame,
    mapping: EventColumns,
    *,
    types: IdTypes,
    timezone: str,
    source: str,
    source_day: pl.Expr,
) -> pl.LazyFrame:
    """The lines of one file in the project's words; `source_day` may refer to the column `day`."""
    kinds = frame.collect_schema()
    values = {
        "customer_id": _id(mapping.customer, kinds, types.customer),
        "item_id": _id(mapping.item, kinds, types.item),
        "occurred_at": _time(mapping.time, kinds, timezone),
        "quantity": _number(mapping.quantity, kinds) if mapping.quantity else pl.lit(1.0),
        "amount": _number(mapping.amount, kinds) if mapping.amount else pl.lit(None, pl.Float64),
        "order_id": _text(mapping.order) if mapping.order else pl.lit(None, pl.String),
        "event_type": _text(mapping.event_type) if mapping.event_type else pl.lit(None, pl.String),
    }
    raw = {
        "customer_id": mapping.customer,
        "item_id": mapping.item,
        "occurred_at": mapping.time,
        "quantity": mapping.quantity,
        "amount": mapping.amount,
    }
    lost = {field: values[field].is_null() & _is_given(column, kinds) for field, column in raw.items() if column}
    return (
        frame.select(
            **values,
            source=pl.lit(source),
            line=pl.int_range(1, pl.len() + 1, dtype=pl.UInt32),
            unreadable=pl.coalesce(pl.when(bad).then(pl.lit(field)) for field, bad in lost.items()),
            detail=pl.coalesce(pl.when(bad).then(_text(raw[field] or field)) for field, bad in lost.items()),
        )
        .with_columns(day=pl.col("occurred_at").dt.convert_time_zone(timezone).dt.date())
        .with_columns(source_day=source_day)
        .cast({name: kind for name, kind in line_schema(types).items() if name in ("order_id", "source_day")})
    )


def items(frame: pl.LazyFrame, mapping: ItemColumns, item_type: type[pl.DataType]) -> pl.LazyFrame:
    """Catalogue columns of one file; all but the id may be absent."""
    return frame.select(
        item_id=_id(mapping.item, frame.collect_schema(), "bigint" if item_type == pl.Int64 else "text"),
        item_name=_text(mapping.name) if mapping.name else pl.lit(None, pl.String),
        category=_text(mapping.category) if mapping.category else pl.lit(None, pl.String),
        brand=_text(mapping.brand) if mapping.brand else pl.lit(None, pl.String),
        available=_flag(mapping.available) if mapping.available else pl.lit(None, pl.Boolean),
    )


def _flag(column: str) -> pl.Expr:
    """Yes or no in any of the usual spellings; anything else is not known."""
    word = _text(column).str.to_lowercase()
    return pl.when(word.is_in(NO_WORDS)).then(pl.lit(value=False)).when(word.is_in(YES_WORDS)).then(pl.lit(value=True))


def local_day(frame: pl.LazyFrame, column: str, timezone: str) -> pl.Expr:
    """The shop's calendar day of a time column."""
    return _time(column, frame.collect_schema(), timezone).dt.convert_time_zone(timezone).dt.date()


def _is_given(column: str, kinds: pl.Schema) -> pl.Expr:
    """Whether there is a value at all; in floating-point columns NaN is how other tools write none."""
    if kinds[column].is_float():
        return pl.col(column).is_not_null() & pl.col(column).is_not_nan()
    return _text(column).is_not_null()


def _text(column: str) -> pl.Expr:
    """Text without surrounding blanks; empty text is missing."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _id(column: str, kinds: pl.Schema, wanted: IdType) -> pl.Expr:
    kind = kinds[column]
    if wanted == "bigint":
        if kind.is_numeric():
            whole = pl.col(column).cast(pl.Int64, strict=False)
            return pl.when(whole.cast(pl.Float64) == pl.col(column).cast(pl.Float64)).then(whole)
        text = _text(column)
        return pl.when(text.str.contains(CANONICAL_INTEGER)).then(text).cast(pl.Int64, strict=False)
    text = _text(column)
    # PostgreSQL has no way to store this character.
    return pl.when(~text.str.contains("\x00", literal=True)).then(text)


def _number(column: str, kinds: pl.Schema) -> pl.Expr:
    number = pl.col(column) if kinds[column].is_numeric() else _text(column)
    number = number.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _time(column: str, kinds: pl.Schema, timezone: str) -> pl.Expr:
    kind = kinds[column]
    value = pl.col(column)
    if isinstance(kind, pl.Datetime):
        return value.cast(UTC_TIME) if kind.time_zone else _localized(value.cast(pl.Datetime("us")), timezone)
    if kind == pl.Date:
        return _localized(value.cast(pl.Datetime("us")), timezone)
    if kind.is_integer():
        # Seconds, milliseconds or microseconds since 1970, told apart by magnitude (years 1973 to 5138).
        scale = pl.when(value.abs() >= 10**14).then(1).when(value.abs() >= 10**11).then(1_000).otherwise(1_000_000)
        return (value.cast(pl.Int64) * scale).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    text = _text(column).str.replace("T", " ", literal=True)
    zoned = [
        text.str.to_datetime(f"{form}%#z", time_unit="us", time_zone="UTC", strict=False) for form in ISO_FORMATS[:2]
    ]
    plain = [
        _localized(text.str.to_datetime(form, time_unit="us", strict=False, exact=True), timezone)
        for form in ISO_FORMATS[:2]
    ]
    days = [_localized(text.str.to_date(ISO_FORMATS[2], strict=False).cast(pl.Datetime("us")), timezone)]
    return pl.coalesce(*plain, *zoned, *days)


def _localized(naive: pl.Expr, timezone: str) -> pl.Expr:
    """Wall-clock time in the shop's zone as UTC.

    An hour that occurs twice is taken as the first, one that the clock skips as the hour after it.
    """
    first = naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    later = naive.dt.offset_by("1h").dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return pl.coalesce(first, later).dt.convert_time_zone("UTC")
