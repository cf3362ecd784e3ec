"""What is proposed: settings, each with the reason for it."""

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ml_assets.settings.columns import EventColumns
from ml_assets.sources.guess.columns import NOTHING, REQUIRED, Choice


class Doubt(NamedTuple):
    """Why a proposal is likely wrong, and what to set."""

    problem: str
    next_step: str


@dataclass(frozen=True)
class Proposal:
    """Settings for a source, each with the reason for it."""

    events: str
    """The file, folder or URL with the lines; the table of a database."""
    files: int
    format: str
    """For people: format, encoding, separator."""
    have: list[str]
    """Columns of the lines."""
    columns: dict[str, Choice]
    source: dict[str, Choice] = field(default_factory=dict)
    """Other keys of source that hold text."""
    structured: dict[str, tuple[Any, str]] = field(default_factory=dict)
    """Other keys of source that hold lists or mappings, each with the reason."""
    rules: dict[str, Choice] = field(default_factory=dict)
    """Keys of the section events, as YAML."""
    shape: str = ""
    note: str = ""
    days_since: str = ""
    """The column with days since the order before, where nothing else tells when."""
    first_lines: tuple[str, ...] = ()
    """Of files without a header."""
    others: str = ""
    """Of orders that lie beside and belong to other lines."""
    left_alone: tuple[str, ...] = ()
    """Files, or tables, that are none of this."""
    kind: str = "files"
    """Of source."""
    database: str = ""
    """The file with the tables, where the kind has one."""
    url: str = field(default="", repr=False)
    """The address of a PostgreSQL, for trying out alone: the password may be in it."""
    advice: tuple[str, ...] = ()
    """What else is to be known, line by line."""
    seen: dict[str, str] = field(default_factory=dict)
    """Columns of the lines and their orders, and what their values are, for people."""
    doubts: tuple[Doubt, ...] = ()
    """What makes it likely wrong."""
    candidates: dict[str, list[str]] = field(default_factory=dict)
    """Of customer or item, where it is left out, the columns that may hold it."""

    @property
    def looked_at(self) -> str:
        """For people: how many files of which format."""
        if self.kind == "postgres":
            return self.format
        return f"{self.files} file{'s' * (self.files != 1)}, {self.format}"

    @property
    def missing(self) -> list[str]:
        """Required fields for which no column was found."""
        return [name for name in REQUIRED if name not in self.columns]

    @property
    def ordered(self) -> dict[str, Choice]:
        """The columns in the order of the settings."""
        return {name: self.columns[name] for name in EventColumns.model_fields if name in self.columns}

    @property
    def unused(self) -> dict[str, str]:
        """Of the columns seen those that nothing is taken from."""
        return {column: words for column, words in self.seen.items() if not self.mentions(column)}

    def mentions(self, column: str) -> bool:
        """Whether something is taken from a column, or lines are left out by it."""
        texts = [choice.text for choice in (*self.columns.values(), *self.source.values())]
        name = re.compile(rf"(?<!\w){re.escape(column)}(?!\w)")
        undated = str(self.structured.get("undated", ""))
        return column in texts or any(name.search(text) for text in [*texts, undated])

    def settings(self) -> dict[str, Any]:
        """The section source as a mapping."""
        columns = {name: None if choice.text == NOTHING else choice.text for name, choice in self.ordered.items()}
        texts = {name: choice.text for name, choice in self.source.items()}
        values = {name: value for name, (value, _) in self.structured.items()}
        address = {"url": self.url} if self.url else {}
        return {**self.place, **address, "columns": columns, **texts, **values}

    @property
    def place(self) -> dict[str, str]:
        """The keys of source that say where the lines are."""
        if self.kind == "postgres":
            return {"kind": self.kind, "table": self.events}
        if not self.database:
            return {"kind": self.kind, "events": self.events}
        return {"kind": self.kind, "database": self.database, "table": self.events}
