"""What settings name in a database: a table or view, or a query."""

import re

QUERY = re.compile(r"\s*(\(|--|/\*|(select|with|values|table)\b)", re.IGNORECASE)
PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')


def is_query(text: str) -> bool:
    """Whether a text is a query; all else is a name, blanks in it or not."""
    return QUERY.match(text) is not None


def parts_of(name: str) -> list[str]:
    """A table's name without quotes, after that of its schema where there is one."""
    return [quoted.replace('""', '"') if quoted else plain for quoted, plain in PART.findall(name.strip())]


def called(table: str, setting: str = "source.table") -> str:
    """What people call a relation: a query, which may be long, by the setting that has it."""
    return f"the query of {setting}" if is_query(table) else table
