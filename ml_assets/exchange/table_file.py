"""A typed table from a CSV or Parquet file, or the complaint with file, line and column.

Reading files and judging single cells belong here; what the cells of a row mean together is up to the callers, who
complain in the same words. A file is taken whole or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from pathlib import Path
from typing import NoReturn

import polars as pl

from ml_assets.errors import UserError

TIME = pl.Datetime("us", "UTC")
EXPECTED: Mapping[pl.DataType, str] = {
    pl.Int64(): "a whole number",
    pl.Float64(): "a number",
    pl.Date(): "a day, YYYY-MM-DD",
    TIME: "a time such as 2026-05-01 or 2026-05-01T09:30+02:00",
}
CONTROL = r"[\x00-\x1f\x7f-\x9f]"
# The first where none stands in the header line: a file of one column.
SEPARATORS = (",", ";", "\t")
OTHER_SEPARATORS = {"|": "upright strokes", ":": "colons", " ": "blanks"}
HEADER_BYTES = 1 << 16
# Of many complaints, so many are shown.
SHOWN = 10


@dataclass(frozen=True)
class Column:
    """What the cells of a column may hold."""

    dtype: pl.DataType = pl.String()  # noqa: RUF009 immutable
    required: bool = False
    """Whether a file without the column is refused."""
    filled: bool = False
    """Whether empty cells are refused."""
    words: tuple[str, ...] = ()
    """All that a text may say; none: anything."""
    least: int | None = None
    """The smallest number."""
    plain: bool = False
    """Whether a text with a line break or another control character is refused, as no id has any."""


def read_table(
    path: Path, columns: Mapping[str, Column], *, tz: tzinfo = UTC, others_allowed: bool = False
) -> pl.DataFrame:
    """The columns of a file that are named, those that it has, with their types; null where a cell is empty.

    `tz` is that of times without a zone; `others_allowed` ignores further columns instead of refusing them. Raises
    `UserError` that names the file and the line and column of everything wrong (of many, the first ten).
    """
    frame = _read(path)
    known = f"Columns may be {', '.join(columns)}."
    if not others_allowed and (unknown := [name for name in frame.columns if name not in columns]):
        raise UserError(f"{path} has unknown columns: {', '.join(unknown)}.", known, code="file.refused")
    if missing := [name for name, column in columns.items() if column.required and name not in frame.columns]:
        raise UserError(
            f"{path} has no column {', '.join(missing)}; it has: {', '.join(frame.columns)}.",
            known + _parted(path, frame.columns),
            code="file.refused",
        )
    typed, problems, more = {}, [], 0
    for name in (name for name in columns if name in frame.columns):
        raw = frame[name]
        if raw.dtype == pl.String:
            raw = raw.str.strip_chars().replace("", None)
        typed[name] = _converted(raw, columns[name].dtype, tz)
        bad = _bad(raw, typed[name], columns[name]).arg_true()
        problems += [(row, f"column {name}: {_problem(raw[row], columns[name])}") for row in bad[:SHOWN]]
        more += max(len(bad) - SHOWN, 0)
    if problems:
        refuse(path, problems, more)
    return pl.DataFrame(typed)


def refuse(path: Path, problems: Sequence[tuple[int, str]], more: int = 0) -> NoReturn:
    """Raise the complaint about rows, counted from 0; `more` is how many further ones were not noted."""
    # A person finds a row by its line where there is a header line, else by its number from 1.
    word, first = ("row", 1) if path.suffix == ".parquet" else ("line", 2)
    ordered = [f"{word} {row + first}, {problem}" for row, problem in sorted(problems)]
    more += max(len(ordered) - SHOWN, 0)
    shown = "; ".join(ordered[:SHOWN]) + (f"; and {more:,} more" if more else "")
    raise UserError(f"{path} is not taken: {shown}.", "Mend these cells; nothing was changed.", code="file.refused")


def _read(path: Path) -> pl.DataFrame:
    try:
        # As text, so that what cannot be read as a number can be named.
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(path, infer_schema=False, separator=_separator(path))
    except FileNotFoundError:
        raise UserError(
            f"There is no file {path}.", "Name a CSV file with a header line, or a Parquet file.", code="file.refused"
        ) from None
    except (pl.exceptions.PolarsError, OSError) as error:
        kind, ending = ("Parquet", "a .parquet file") if path.suffix == ".parquet" else ("CSV", "UTF-8 CSV")
        raise UserError(
            f"{path} cannot be read as {kind}: {str(error).splitlines()[0]}.",
            f"Save it as {ending}.",
            code="file.refused",
        ) from None


def _separator(path: Path) -> str:
    """What stands most often between the names in the header line: spreadsheets of some countries write semicolons."""
    with path.open("rb") as file:
        header = file.readline(HEADER_BYTES)
    return max(SEPARATORS, key=lambda one: header.count(one.encode()))


def _parted(path: Path, have: Sequence[str]) -> str:
    """What to say where a header line is one name with signs in it that part columns elsewhere."""
    if len(have) != 1 or path.suffix == ".parquet":
        return ""
    found = [word for sign, word in OTHER_SEPARATORS.items() if sign in have[0]]
    return f" Its header line seems to be parted by {found[0]}: save it with commas." if found else ""


def _converted(raw: pl.Series, dtype: pl.DataType, tz: tzinfo) -> pl.Series:
    """A column with its type, null where a cell is not of that type."""
    if dtype == TIME:
        return pl.Series(raw.name, [_time(value, tz) for value in raw], dtype=dtype)
    if dtype == pl.Date and raw.dtype == pl.String:
        return raw.str.to_date("%Y-%m-%d", strict=False)
    converted = raw.cast(dtype, strict=False)
    if dtype == pl.Float64:
        return converted.set(~converted.is_finite().fill_null(value=True), None)
    if dtype == pl.Int64 and raw.dtype.is_float():
        return converted.set((converted != raw).fill_null(value=False), None)
    return converted


def _time(value: str | date | None, tz: tzinfo) -> datetime | None:
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        return value and (value if value.tzinfo else value.replace(tzinfo=tz)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _bad(raw: pl.Series, converted: pl.Series, column: Column) -> pl.Series:
    bad = converted.is_null() if column.filled else converted.is_null() & raw.is_not_null()
    if column.dtype == pl.String:
        # PostgreSQL has no text with a zero byte.
        bad |= converted.str.contains("\0", literal=True).fill_null(value=False)
        if column.plain:
            bad |= converted.str.contains(CONTROL).fill_null(value=False)
    if column.least is not None:
        bad |= (converted < column.least).fill_null(value=False)
    if column.words:
        bad |= ~converted.is_in(column.words).fill_null(value=True)
    return bad


def _problem(value: object, column: Column) -> str:
    if value is None:
        return "empty"
    if column.words:
        return f"{value!r} is not one of {', '.join(column.words)}"
    if column.dtype in EXPECTED:
        above = "" if column.least is None else f" of {column.least} or more"
        return f"{value!r} is not {EXPECTED[column.dtype]}{above}"
    return "a zero byte" if "\0" in str(value) else f"{value!r} has a control character"
