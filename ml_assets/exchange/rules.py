"""Rules of reading from CSV files: items that are hidden, pinned or boosted, caps, purchases, opt-outs.

Reading a file, judging every row and writing them in one transaction belong here; what the rules do is in
`migrations/`. A file is taken whole or not at all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl
from psycopg import errors, sql

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError

Row = dict[str, str | None]


@dataclass(frozen=True)
class RuleTable:
    """One table that a file can fill."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]


TABLES = {
    "rules": RuleTable(
        "rules", ("kind",), ("item_id", "category", "placement", "value", "valid_from", "valid_until", "note")
    ),
    "purchases": RuleTable("purchases", ("customer_id", "item_id"), ("bought_at",)),
    "opt-outs": RuleTable("opt_outs", ("customer_id",), ("note",)),
}
KINDS = ("unavailable", "ban", "pin", "boost", "cap")
# What each kind is about, and its value: name, least, most, whole.
NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, float, float, bool] | None]] = {
    "unavailable": (("item_id",), None),
    "ban": (("item_id",), None),
    "pin": (("item_id",), ("a place from 1 to 500", 1, 500, True)),
    "boost": (("item_id", "category"), ("a factor from 0.001 to 1000", 0.001, 1000, False)),
    "cap": (("category",), ("a number of items from 0 to 500", 0, 500, True)),
}


@dataclass(frozen=True)
class Vocabulary:
    """What the cells of a file may say in one shop."""

    ids: dict[str, str]
    """The types of customer_id and item_id."""
    placements: tuple[str, ...]
    tz: ZoneInfo
    """Of times without a zone."""


def vocabulary(connection: ServingConnection, tz: ZoneInfo) -> Vocabulary:
    """What the database knows of it."""
    row = connection.execute(connection.schemas.sql("SELECT customer_id_type, item_id_type FROM {meta}.shop"))
    customer, item = row.fetchall()[0]
    found = connection.execute(connection.schemas.sql("SELECT placement FROM {meta}.placements ORDER BY 1")).fetchall()
    return Vocabulary({"customer_id": customer, "item_id": item}, tuple(str(name) for (name,) in found), tz)


def read_rules(path: Path, table: str, words: Vocabulary) -> list[dict[str, object]]:
    """The rows of a CSV file, judged and with their types.

    Raises `UserError` that names the file, and the row and column of everything wrong (of many, the first ten).
    """
    wanted = TABLES[table]
    rows = _read(path, wanted)
    problems: list[str] = []
    typed = []
    for line, row in enumerate(rows, start=2):
        values: dict[str, object] = {}
        for column, text in row.items():
            problem, value = _value(column, text, words)
            values[column] = value
            if problem:
                problems.append(f"line {line}, column {column}: {problem}")
            elif value is None and column in wanted.required:
                problems.append(f"line {line}, column {column}: empty")
        if table == "rules" and not any(each.startswith(f"line {line},") for each in problems):
            problems += [f"line {line}, {problem}" for problem in _rule_problems(values)]
        typed.append(values)
    if problems:
        shown = "; ".join(problems[:10]) + (f"; and {len(problems) - 10} more" if len(problems) > 10 else "")
        raise UserError(f"{path} is not taken: {shown}.", "Mend these cells; nothing was changed.")
    return typed


def import_rules(
    connection: ServingConnection, table: str, rows: Iterable[dict[str, object]], *, mode: Literal["add", "replace"]
) -> int:
    """Write rows that `read_rules` returned, in one transaction; `replace` removes those that were there before.

    Returns how many rows the table gained; rows that are already there are not doubled.
    """
    wanted = TABLES[table]
    columns = [*wanted.required, *wanted.optional]
    name = sql.Identifier(wanted.name)
    rows = list(rows)
    try:
        with connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 0")
            if mode == "replace":
                connection.execute(connection.schemas.sql("DELETE FROM {meta}.{table}", table=name))
            before = _count(connection, name)
            connection.execute(
                connection.schemas.sql(
                    "CREATE TEMP TABLE ml_assets_incoming ON COMMIT DROP AS SELECT {columns} FROM {meta}.{table} "
                    "WITH NO DATA",
                    columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                    table=name,
                )
            )
            with connection.cursor().copy("COPY ml_assets_incoming FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([row.get(column) for column in columns])
            present = [column for column in columns if column not in DEFAULTED]
            connection.execute(
                connection.schemas.sql(
                    "INSERT INTO {meta}.{table} ({columns}) SELECT DISTINCT {values} FROM ml_assets_incoming AS n "
                    "WHERE NOT EXISTS (SELECT FROM {meta}.{table} AS o WHERE {same})",
                    table=name,
                    columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                    values=sql.SQL(", ").join(_defaulted(column) for column in columns),
                    same=sql.SQL(" AND ").join(
                        sql.SQL("o.{c} IS NOT DISTINCT FROM {v}").format(c=sql.Identifier(column), v=_defaulted(column))
                        for column in (present if table != "opt-outs" else ["customer_id"]) + _times(columns)
                    ),
                )
            )
            return _count(connection, name) - before
    except errors.InsufficientPrivilege as error:
        raise UserError(
            f"The database role {connection.info.user} may not edit {connection.schemas.meta}.{wanted.name}.",
            f"GRANT {connection.schemas.merchandiser} TO {connection.info.user}",
        ) from error


def unknown_things(connection: ServingConnection, rows: Iterable[dict[str, object]]) -> list[str]:
    """Items and categories of rules that the catalogue does not have, as words; they may still be to come."""
    rows = list(rows)
    found = []
    for column, singular in (("item_id", "item"), ("category", "category")):
        named = list(dict.fromkeys(row[column] for row in rows if row.get(column) is not None))
        query = connection.schemas.sql(
            "SELECT DISTINCT {c} FROM {store}.items WHERE {c} = ANY (%s)", c=sql.Identifier(column)
        )
        known = {value for (value,) in connection.execute(query, [named]).fetchall()} if named else set()
        found += [f"{singular} {value}" for value in named if value not in known]
    return found


DEFAULTED = ("valid_from", "valid_until", "bought_at")


def _times(columns: list[str]) -> list[str]:
    return [column for column in columns if column in DEFAULTED]


def _defaulted(column: str) -> sql.Composed:
    defaults = {
        "valid_from": "'-infinity'::timestamptz",
        "valid_until": "'infinity'::timestamptz",
        "bought_at": "now()",
    }
    name = sql.SQL("n.{}").format(sql.Identifier(column))
    return sql.SQL("coalesce({}, ").format(name) + sql.SQL(defaults[column] + ")") if column in defaults else name


def _count(connection: ServingConnection, name: sql.Identifier) -> int:
    return int(connection.execute(connection.schemas.sql("SELECT count(*) FROM {meta}.{t}", t=name)).fetchall()[0][0])


def _read(path: Path, wanted: RuleTable) -> list[Row]:
    try:
        frame = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=False)
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.", "Name a CSV file with a header line.") from None
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read as CSV: {str(error).splitlines()[0]}.", "Save it as UTF-8 CSV."
        ) from None
    allowed = (*wanted.required, *wanted.optional)
    if unknown := [name for name in frame.columns if name not in allowed]:
        raise UserError(f"{path} has unknown columns: {', '.join(unknown)}.", f"Allowed are {', '.join(allowed)}.")
    if missing := [name for name in wanted.required if name not in frame.columns]:
        raise UserError(f"{path} has no column {', '.join(missing)}.", f"Its header may name {', '.join(allowed)}.")
    return [{name: _text(value) for name, value in row.items()} for row in frame.iter_rows(named=True)]


def _text(value: str | None) -> str | None:
    return (value or "").strip() or None


def _value(column: str, text: str | None, words: Vocabulary) -> tuple[str | None, object]:
    """What is wrong with a cell, or None, and its value."""
    readers: dict[str, Callable[[str], object]] = {
        "value": float,
        "valid_from": lambda cell: _time(cell, words.tz),
        "valid_until": lambda cell: _time(cell, words.tz),
        "bought_at": lambda cell: _time(cell, words.tz),
    }
    readers |= {name: _integer for name, kind in words.ids.items() if kind == "bigint"}
    if text is None:
        return None, None
    if "\0" in text:
        return "a zero byte", None
    if column == "placement" and text not in words.placements:
        return f"{text!r} is not one of {', '.join(words.placements)}", None
    try:
        return None, readers.get(column, str)(text)
    except ValueError:
        expected = {"value": "a number", "customer_id": "a whole number", "item_id": "a whole number"}
        return f"{text!r} is not {expected.get(column, 'a time such as 2026-05-01 or 2026-05-01T09:30+02:00')}", None


def _integer(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return number


def _time(text: str, tz: ZoneInfo) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=tz)


def _rule_problems(rule: dict[str, object]) -> Iterable[str]:
    kind = rule["kind"]
    if kind not in NEEDS:
        yield f"column kind: {kind!r} is not one of {', '.join(KINDS)}"
        return
    about, value = NEEDS[str(kind)]
    given = [name for name in ("item_id", "category") if rule.get(name) is not None]
    if len(given) != 1 or given[0] not in about:
        yield f"a {kind} needs {' or '.join(about)}, and nothing else of item_id and category"
    number = rule.get("value")
    if value is None and number is not None:
        yield f"column value: a {kind} has none"
    if value is not None:
        name, least, most, whole = value
        if not isinstance(number, float) or not least <= number <= most or (whole and number != int(number)):
            yield f"column value: a {kind} needs {name}"
    start, end = rule.get("valid_from"), rule.get("valid_until")
    if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
        yield "column valid_until: not after valid_from"
