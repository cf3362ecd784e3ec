"""Rules of reading from CSV or Parquet files: items hidden, pinned or boosted, caps, purchases, opt-outs.

What a file of each table may hold belongs here, and what the cells of a rule mean together; single cells are judged
in `table_file.py`, writing is in `rule_tables.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ml_assets.exchange.table_file import Column, read_table, refuse
from ml_assets.exchange.vocabulary import Vocabulary

OF_SEGMENTS = ("pin", "boost", "cap")
"""Kinds that may be for one segment; an item is hidden for all or none."""
KINDS = ("unavailable", "ban", "pin", "boost", "cap")


@dataclass(frozen=True)
class RuleTable:
    """One table that a file can fill."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All that a file may hold."""
        return self.required + self.optional


TABLES = {
    "rules": RuleTable(
        "rules",
        ("kind",),
        ("item_id", "category", "brand", "placement", "segment_key", "value", "valid_from", "valid_until", "note"),
    ),
    "purchases": RuleTable("purchases", ("customer_id", "item_id"), ("bought_at",)),
    "opt-outs": RuleTable("opt_outs", ("customer_id",), ("note",)),
}
# What each kind is about, and its value: name, least, most, whole.
NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, float, float, bool] | None]] = {
    "unavailable": (("item_id",), None),
    "ban": (("item_id",), None),
    "pin": (("item_id",), ("a place from 1 to 500", 1, 500, True)),
    "boost": (("item_id", "category", "brand"), ("a factor from 0.001 to 1000", 0.001, 1000, False)),
    "cap": (("category", "brand"), ("a number of items from 0 to 500", 0, 500, True)),
}


def read_rules(path: Path, table: str, words: Vocabulary) -> list[dict[str, object]]:
    """The rows of a file, judged and with their types.

    Raises `UserError` that names the file, and the line and column of everything wrong (of many, the first ten).
    """
    wanted = TABLES[table]
    columns = {name: words.column(name, required=name in wanted.required) for name in wanted.columns}
    if table == "rules":
        columns["kind"] = Column(required=True, filled=True, words=KINDS)
    rows = read_table(path, columns, tz=words.tz).rows(named=True)
    if table == "rules":
        problems = [(number, problem) for number, row in enumerate(rows) for problem in _rule_problems(row)]
        if problems:
            refuse(path, problems)
    return rows


def _rule_problems(rule: dict[str, object]) -> Iterator[str]:
    kind = rule["kind"]
    about, value = NEEDS[str(kind)]
    given = [name for name in ("item_id", "category", "brand") if rule.get(name) is not None]
    if len(given) != 1 or given[0] not in about:
        yield f"a {kind} needs {' or '.join(about)}, and nothing else of item_id, category and brand"
    number = rule.get("value")
    if value is None and number is not None:
        yield f"column value: a {kind} has none"
    if value is not None:
        name, least, most, whole = value
        if not isinstance(number, float) or not least <= number <= most or (whole and number != int(number)):
            yield f"column value: a {kind} needs {name}"
    if rule.get("segment_key") is not None and kind not in OF_SEGMENTS:
        yield f"column segment_key: a {kind} is for everybody"
    start, end = rule.get("valid_from"), rule.get("valid_until")
    if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
        yield "column valid_until: not after valid_from"
