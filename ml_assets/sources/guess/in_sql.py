"""What was guessed of a PostgreSQL, in its own SQL: names, casts, joins, rights.

Only texts are made here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ml_assets.sources.expressions import quoted
from ml_assets.sources.guess.columns import Choice
from ml_assets.sources.guess.names import plain
from ml_assets.sources.orders import SUFFIX
from ml_assets.sources.postgres.query import NUMBERS, TIMES
from ml_assets.sources.relations import is_query, parts_of

WANTED = {"time": TIMES, **dict.fromkeys(("quantity", "amount", "cost"), NUMBERS)}
"""The types that fields take; others take any."""
Types = Callable[[str], Mapping[str, str]]
"""The columns of a table with their types."""
CHANGED = ("updatedat", "modifiedat", "changedat", "lastmodified", "lastupdated", "dateupd", "updated", "modified")


def quoted_here(name: str) -> str:
    """A name as PostgreSQL's SQL writes it: capitals need quotes."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


def as_written(table: str) -> str:
    """A table's name, with its schema, in SQL."""
    return ".".join(quoted_here(part) for part in parts_of(table))


def indexed(time: str, lines: str, orders: str | None, types: Types) -> tuple[str, str] | None:
    """The table and its column that a column of joined lines and orders is; None where it is of neither."""
    if not is_query(lines) and time in types(lines):
        return lines, time
    of_order = time.removesuffix(SUFFIX)
    return (orders, of_order) if orders and not is_query(orders) and of_order in types(orders) else None


def is_change(name: str) -> bool:
    """Whether a column is called what changes whenever a line does."""
    return plain(name.removesuffix(SUFFIX)) in CHANGED


def in_sql(field: str, choice: Choice, kinds: Mapping[str, str]) -> Choice:
    """A column of the type that its field takes, or an expression with the names that PostgreSQL knows."""
    if choice.text in kinds:
        kind, wanted = kinds[choice.text], WANTED.get(field)
        if not wanted or kind in wanted:
            return choice
        return replace(choice, text=f"{quoted_here(choice.text)}::{'timestamptz' if field == 'time' else 'numeric'}")
    text = choice.text
    for name in kinds:
        if quoted_here(name) != quoted(name):
            text = re.sub(rf'(?<![\w"\']){re.escape(name)}(?![\w"\'])', quoted_here(name), text)
    return replace(choice, text=text)


def grants(tables: Sequence[str], role: str) -> list[str]:
    """The statements that let a role read some tables, and nothing else."""
    schemas = dict.fromkeys(table.rpartition(".")[0] or "public" for table in tables)
    usage = [f"GRANT USAGE ON SCHEMA {quoted_here(schema)} TO {quoted_here(role)};" for schema in schemas]
    return [*usage, f"GRANT SELECT ON {', '.join(map(as_written, dict.fromkeys(tables)))} TO {quoted_here(role)};"]


def joined(lines: str, orders: str, on: tuple[str, str], have: Sequence[str], added: Sequence[str]) -> str:
    """Lines with the columns of their orders (`added`), each under the name that it was guessed by.

    Lines without an order stay. `on` are the columns of both by which they belong together, `have` those of the lines.
    """
    columns = [
        f"orders.{quoted_here(name)}" + (f" AS {quoted_here(name + SUFFIX)}" if name in have else "")
        for name in added
        if name != on[1]
    ]
    condition = f"lines.{quoted_here(on[0])} = orders.{quoted_here(on[1])}"
    tables = f"{as_written(lines)} AS lines LEFT JOIN {as_written(orders)} AS orders"
    return f"SELECT lines.*, {', '.join(columns)} FROM {tables} ON {condition}"  # noqa: S608 shown, and the shop's own
