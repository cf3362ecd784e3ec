"""How a shop writes its numbers and dates, found out from its files.

Telling a style from values, and refusing what can be read two ways, belongs here; reading values in a known style
belongs to `values.py` and `times.py`.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from ml_assets.errors import UserError
from ml_assets.sources.columns import NUMBER, Reading
from ml_assets.sources.faults import collected
from ml_assets.sources.times import DIGITS, NUMBERED, STYLES, DateStyle, read_times
from ml_assets.sources.values import AROUND_NUMBERS, NumberStyle

# In each style: what only it can be, and what only the other can be.
POINT = r"\.[0-9]{1,2}$|\.[0-9]{4,}$|,[0-9]{3}\.|^[0-9]{4,}\.[0-9]|(,[0-9]{3}){2}"
COMMA = r",[0-9]{1,2}$|,[0-9]{4,}$|\.[0-9]{3},|^[0-9]{4,},[0-9]|(\.[0-9]{3}){2}"
# Most is told by these.
LINES_AT_FIRST = 20_000
# Of values that are numbers a few may be broken.
SHARE_OF_NUMBERS = 0.95


def find_number_style(frames: Mapping[str, pl.LazyFrame], columns: Sequence[str], reading: Reading) -> NumberStyle:
    """How the numbers of some columns are written; with a point where nothing says otherwise.

    Raises `UserError` where every number with a comma could be read both ways.
    """
    heads = {path: frame.head(LINES_AT_FIRST) for path, frame in frames.items()}
    return _number_style(heads, columns, reading)[0] or _proven(*_number_style(frames, columns, reading))


def _number_style(
    frames: Mapping[str, pl.LazyFrame], columns: Sequence[str], reading: Reading
) -> tuple[NumberStyle | None, tuple[str, str, str] | None]:
    """What the first values prove that can, and a value that proves nothing."""
    with_comma: tuple[str, str, str] | None = None
    for column in columns:
        for path, frame in frames.items():
            if frame.collect_schema().get(column) != pl.String:
                continue
            bare = frame.select(bare=reading.text(column).str.replace_all(AROUND_NUMBERS, "")).drop_nulls()
            facts = bare.select(
                point=pl.col("bare").str.contains(POINT).sum(),
                comma=pl.col("bare").str.contains(COMMA).sum(),
                either=pl.col("bare").filter(pl.col("bare").str.contains(",", literal=True)).first(),
            )
            point, comma, either = collected(path, facts, streaming=True).row(0)
            if point or comma:
                return ("1.234,56" if comma > point else "1,234.56"), None
            if either and with_comma is None:
                with_comma = (path, column, either)
    return None, with_comma


def _proven(found: NumberStyle | None, with_comma: tuple[str, str, str] | None) -> NumberStyle:
    """With a point where nothing says otherwise; raises where something might."""
    if found is None and with_comma:
        path, column, value = with_comma
        thousands, decimal = value.replace(",", ""), value.replace(",", ".")
        raise UserError(
            f"{path}: {value} in the column {column} can be {thousands} or {decimal}, and no other number tells which.",
            "Set source.numbers to '1,234.56' where the comma stands between thousands, to '1.234,56' where it stands "
            "before decimals.",
        )
    return found or "1,234.56"


def find_date_style(frames: Mapping[str, pl.LazyFrame], column: str, reading: Reading) -> DateStyle:
    """Whether day or month comes first where dates do not begin with their year.

    Raises `UserError` where every date could be read both ways, or some only one way and others only the other.
    """
    proofs: dict[DateStyle, str] = {}
    unproven: tuple[str, str] | None = None
    for path, frame in frames.items():
        kind = frame.collect_schema()[column]
        if kind.is_temporal() or kind.is_float():
            continue
        start = reading.text(column).str.extract(r"^([^\sT,]+)")
        lines = frame.with_row_index(NUMBER, 1).select(line=NUMBER, value=start)
        dates = lines.filter(pl.col("value").str.contains(f"{NUMBERED}|{DIGITS}"))
        firsts = dates.group_by("value").agg(pl.col("line").min()).select("line", "value").sort("line")
        found = collected(path, firsts, streaming=True)
        for style in STYLES:
            for line, value in found.filter(_is_read_in(found["value"], style)).head(1).iter_rows():
                proofs.setdefault(style, f"{path} line {line}: {value}")
        if unproven is None and not found.is_empty():
            unproven = (path, found["value"][0])
    if len(proofs) > 1:
        raise UserError(
            f"The column {column} holds dates with the day first and with the month first: "
            f"{'; '.join(proofs.values())}.",
            "Export all of them in one order, best as 2026-05-31 14:30:00.",
            code="source.unreadable",
        )
    if unproven and not proofs:
        path, value = unproven
        day_first, month_first = (read_times(pl.Series([value]), style, "UTC").dt.date()[0] for style in STYLES[1:])
        raise UserError(
            f"{path}: {value} in the column {column} can be {day_first} or {month_first}, and no other date "
            "tells which.",
            "Set source.dates to '31.12.2026' where the day comes first, to '12/31/2026' where the month does.",
            code="source.unreadable",
        )
    return next(iter(proofs), "2026-12-31")


def needs_date_style(frames: Mapping[str, pl.LazyFrame], column: str, reading: Reading) -> bool:
    """Whether dates whose order of day and month must be known are among the first lines."""
    for path, frame in frames.items():
        kind = frame.collect_schema()[column]
        if not (kind.is_temporal() or kind.is_float()):
            heads = frame.head(LINES_AT_FIRST).select(reading.text(column).str.contains(f"{NUMBERED}|{DIGITS}").any())
            if collected(path, heads).item():
                return True
    return False


def hold_numbers(frames: Mapping[str, pl.LazyFrame], columns: Sequence[str], reading: Reading) -> list[str]:
    """Of text columns those whose values, where there is one, are numbers.

    Told by the first lines of the first file that have values there, else by the first file that has some.
    """
    heads = {path: frame.head(LINES_AT_FIRST) for path, frame in frames.items()}
    shares = _shares_of_numbers(heads, columns, reading)
    silent = [column for column in columns if column not in shares]
    shares |= _shares_of_numbers(frames, silent, reading) if silent else {}
    return [column for column in columns if shares.get(column, 0.0) >= SHARE_OF_NUMBERS]


def _shares_of_numbers(
    frames: Mapping[str, pl.LazyFrame], columns: Sequence[str], reading: Reading
) -> dict[str, float]:
    """Of the text columns that have values, the share of these that are numbers."""
    found: dict[str, float] = {}
    for path, frame in frames.items():
        kinds = frame.collect_schema()
        asked = [column for column in columns if column not in found and kinds.get(column) == pl.String]
        if not asked:
            continue
        given = {column: reading.is_given(column, kinds) for column in asked}
        counts = [given[column].sum().alias(f"given {column}") for column in asked]
        counts += [
            (given[column] & reading.number(column, kinds).is_not_null()).sum().alias(column) for column in asked
        ]
        told = collected(path, frame.select(counts), streaming=True).row(0, named=True)
        found |= {column: told[column] / told[f"given {column}"] for column in asked if told[f"given {column}"]}
    return found


def _is_read_in(values: pl.Series, style: DateStyle) -> pl.Series:
    """Which dates can be read in this order of day and month only."""
    others = [read_times(values, other, "UTC").is_null() for other in STYLES if other != style]
    return read_times(values, style, "UTC").is_not_null() & others[0] & others[1]
