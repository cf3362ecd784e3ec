"""Fields whose values are of a kind that they cannot be: what is there instead, and what would do.

Only wording belongs here, from a value or two; that a field is wrong is found in `source.py`.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from psycopg import sql

from ml_assets.errors import UserError
from ml_assets.sources.postgres.query import INTEGERS, NUMBERS, TEXTS, TIMES, Value

EXAMPLES = 2
ISO = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:.*)?")
OTHER_TIMES = re.compile(r"(?:\d{1,2}([./-])\d{1,2}\1\d{2,4}|\d{4}([./])\d{1,2}\2\d{1,2})(?: .*)?")
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
KINDS = {
    "time": (TIMES, "a time", "times (timestamptz, timestamp or date)"),
    **dict.fromkeys(("quantity", "amount", "cost"), (NUMBERS, "a number", "numbers")),
}
"""Per field the types that it may be of, and words for one value and for columns of them."""


def fault_of_kind(
    field: str, text: str, value: Value, columns: Mapping[str, str], examples: Callable[[], Sequence[str]]
) -> UserError | None:
    """What is wrong with the type of a field; None where it fits.

    `columns` are those of the relation with their types; `examples` gives some values as text.
    """
    kinds, one, many = KINDS[field]
    if value.type in kinds:
        return None
    seen = [" ".join(each.split())[:40] for each in examples() if each.strip()]
    such = f", such as {' and '.join(map(repr, seen))}" if seen else ""
    name = text if re.fullmatch(r"[a-z_][a-z0-9_]*", text) or text not in columns else sql.Identifier(text).as_string()
    setting = f"source.columns.{field}"
    written = (_as_time if field == "time" else _as_number)(name, value.type, seen)
    if written:
        advice = f"Cast it: {setting}: '{written}'."
    elif fitting := [column for column, kind in columns.items() if kind in kinds]:
        advice = f"Its {many} are: {', '.join(fitting)}. Map one of them as {setting}."
    else:
        advice = (
            f"source.table has no column of {many}: name a table, view or query that has one, or map an expression."
        )
    return UserError(
        f"{setting}: {text} is of the type {value.type}, which is not {one}{such}.", advice, code="source.unreadable"
    )


def _as_time(name: str, kind: str, seen: Sequence[str]) -> str:
    """The expression that makes times of such values; empty where they are none."""
    if kind in (*TEXTS, "bpchar"):
        # Without a value nothing speaks against it.
        if all(ISO.fullmatch(each) for each in seen):
            return f"{name}::timestamptz"
        if all(ISO.fullmatch(each) or OTHER_TIMES.fullmatch(each) for each in seen):
            return f'to_timestamp({name}, "DD.MM.YYYY HH24:MI")'.replace('"', "''")
    if kind in INTEGERS and seen and all(NUMBER.fullmatch(each) for each in seen):
        sizes = [abs(int(each)) for each in seen]
        if all(19_000_101 <= size <= 21_001_231 for size in sizes):
            return f"to_date({name}::text, ''YYYYMMDD'')"
        if all(10**8 <= size < 10**10 for size in sizes):
            return f"to_timestamp({name})"
        if all(10**11 <= size < 10**13 for size in sizes):
            return f"to_timestamp({name} / 1000.0)"
    return ""


def _as_number(name: str, kind: str, seen: Sequence[str]) -> str:
    """The expression that makes numbers of such values; empty where they are none."""
    is_text = kind in (*TEXTS, "bpchar")
    return f"{name}::numeric" if is_text and all(NUMBER.fullmatch(each) for each in seen) else ""
