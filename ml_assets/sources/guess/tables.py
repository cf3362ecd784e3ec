"""Which files of a folder are alike, and what each kind of them is: order lines, orders, a catalogue, something else.

Files are alike where their columns are the same. Reading headers and samples belongs here; what a column means is
guessed in `columns.py`.
"""

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import polars as pl
import polars.selectors as cs
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.settings.source import FilesSource
from ml_assets.sources.columns import Reading
from ml_assets.sources.database_file import open_database_table, tables_of
from ml_assets.sources.faults import FAULTS, unreadable_file
from ml_assets.sources.formats.csv import find_dialect
from ml_assets.sources.formats.nested import lists_of_items, unnested
from ml_assets.sources.formats.open import format_of, open_table
from ml_assets.sources.guess.columns import REQUIRED, Choice, guess_columns
from ml_assets.sources.guess.header import is_data, numbered_names
from ml_assets.sources.guess.names import is_of_later, plain, rank

DATABASES = {"sqlite": "SQLite", "duckdb": "DuckDB"}
SAMPLE = 20_000
"""Lines that are looked at."""
# Tables of one kind have most columns in common, whatever was renamed in the course of the years.
ALIKE = 0.5
MATCHED = 0.5
"""Of the orders of the lines looked at, how many must be there."""


@dataclass(frozen=True)
class Table:
    """Files with the same columns."""

    paths: list[str]
    """In the order of their names."""
    sample: pl.DataFrame
    """Lines of the newest."""
    words: str
    """Format, encoding and separator for people."""
    reading: Reading
    header: list[str] | None = None
    """Names given to columns of files that have no header line."""
    unnest: str | None = None
    """The column with the list of items."""
    guessed: dict[str, Choice] = field(default_factory=dict)
    settings: FilesSource = field(kw_only=True)
    opened: Callable[[str], pl.LazyFrame] | None = field(default=None, kw_only=True)
    """What opens one of its paths, where they are no files."""
    asked: Callable[[str, pl.Series], pl.DataFrame] | None = field(default=None, kw_only=True)
    """What answers `with_values`, where a database does."""

    @property
    def newest(self) -> str:
        """The file that was looked at."""
        return self.paths[-1]

    @property
    def is_complete(self) -> bool:
        """Whether its lines say who, what and when."""
        return all(name in self.guessed for name in REQUIRED)

    @property
    def is_late(self) -> bool:
        """Whether it only says when something came after the purchase, such as a change."""
        return "time" in self.guessed and is_of_later(self.guessed["time"].text)

    @cached_property
    def is_catalogue(self) -> bool:
        """Whether it has one line an item, and nobody who bought."""
        item = self.guessed.get("item")
        return item is not None and not {"customer", "order"} & self.guessed.keys() and self.is_key(item.text)

    def is_key(self, column: str) -> bool:
        """Whether every line looked at has a value of its own in a column."""
        values = self.sample[column].drop_nulls()
        return len(values) > 1 and values.n_unique() == self.sample.height

    def with_values(self, column: str, values: pl.Series) -> pl.DataFrame:
        """Those lines of all its files that have one of some values, as text."""
        if self.asked:
            return self.asked(column, values)
        frames = [self.opened(path) if self.opened else open_table(path, self.settings, ()) for path in self.paths]
        whole = pl.concat(frames, how="diagonal_relaxed")
        return _collected(self.newest, whole.filter(pl.col(column).cast(pl.String).is_in(values.implode())))

    def is_like(self, other: "Table") -> bool:
        """Whether most columns are called the same."""
        mine, theirs = set(map(plain, self.sample.columns)), set(map(plain, other.sample.columns))
        return len(mine & theirs) >= ALIKE * min(len(mine), len(theirs))


def find_tables(paths: Sequence[str], settings: FilesSource, reading: Reading) -> list[Table]:
    """The files by their columns, the kind with the newest file first; raises `UserError` where one cannot be read."""
    newest = _look(paths[-1], settings, reading)
    if newest.header:
        # Without headers files cannot be told apart.
        return [_of(list(paths), newest)]
    kinds: dict[tuple[str, ...], list[str]] = {}
    for path in paths:
        kinds.setdefault(_columns(path, settings), []).append(path)
    by_age = sorted(kinds.values(), key=lambda alike: alike[-1], reverse=True)
    return [
        _of(alike, newest if alike[-1] == newest.newest else _look(alike[-1], settings, reading)) for alike in by_age
    ]


@dataclass(frozen=True)
class Beside:
    """Orders that lie beside their lines."""

    orders: Table
    line_key: str
    order_key: str
    """The columns of both by which lines and orders belong together."""
    matched: float
    """Share of the orders of the lines looked at that are there."""
    sample: pl.DataFrame
    """Their orders."""

    @property
    def belong(self) -> bool:
        """Whether most lines find their order."""
        return self.matched >= MATCHED


def orders_beside(lines: Table, tables: Sequence[Table]) -> Beside | None:
    """The table with one line an order that has the orders of most lines."""
    if "order" not in lines.guessed or "item" not in lines.guessed:
        return None
    key = lines.guessed["order"].text
    wanted = lines.sample[key].drop_nulls().cast(pl.String).unique()
    found = []
    for table in tables:
        for column in table.sample.columns:
            named = rank("order", column) is not None or plain(column) in (plain(key), "id")
            if table is not lines and named and table.is_key(column):
                orders = table.with_values(column, wanted)
                matched = orders[column].cast(pl.String).n_unique() / max(len(wanted), 1)
                found.append(Beside(table, key, column, matched, orders))
    return max(found, key=lambda one: one.matched, default=None)


def _look(path: str, settings: FilesSource, reading: Reading) -> Table:
    try:
        frame = open_table(path, settings, ())
        sample = frame.head(SAMPLE).collect()
        kind = format_of(path, settings) or "csv"
        words, header = kind, None
        if kind == "csv":
            dialect = find_dialect(path, settings, ())
            words = f"CSV, {dialect.in_words()}"
            if is_data(dialect.first_fields, sample, reading):
                header = numbered_names(len(sample.columns))
                words += ", no header line"
                sample = open_table(path, settings.model_copy(update={"csv_header": header}), ()).head(SAMPLE).collect()
        unnest = next(iter(lists_of_items(sample)), None)
        if unnest:
            sample = unnested(sample.lazy(), unnest, path).collect()
    except FAULTS as error:
        raise unreadable_file(path, error) from None
    if sample.is_empty():
        raise UserError(f"{path} has a header and no lines.", "Give a file that has some.", code="source.unreadable")
    return Table([path], sample, words, reading, header, unnest, settings=settings)


def database_tables(path: str, kind: str, settings: FilesSource, reading: Reading) -> list[Table]:
    """The tables and views of a SQLite or DuckDB file that have lines, by name."""
    names = tables_of(path, kind)
    frames = {name: open_database_table(path, kind, name) for name in names}
    samples = {name: frame.head(SAMPLE).collect() for name, frame in frames.items()}
    return [
        _of([name], Table([name], sample, f"{DATABASES[kind]}, table {name}", reading, settings=settings,
                          opened=frames.__getitem__))
        for name, sample in samples.items()
        if not sample.is_empty()
    ]  # fmt: skip


def _of(paths: list[str], look: Table) -> Table:
    # Pictures and the like are nothing of an order.
    sample = look.sample.select(~cs.binary())
    return replace(look, paths=paths, sample=sample, guessed=guess_columns(sample, look.reading))


def _collected(path: str, frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect()
    except FAULTS as error:
        raise unreadable_file(path, error) from None


def _columns(path: str, settings: FilesSource) -> tuple[str, ...]:
    try:
        return tuple(open_table(path, settings, ()).collect_schema().names())
    except FAULTS as error:
        raise unreadable_file(path, error) from None


def pattern_of(given: str, paths: Sequence[str], others: Sequence[str]) -> str | None:
    """A file, folder or glob that gives `paths` and none of `others`; None where there is none so simple.

    Dates and numbers in names are left open, so that the files of the days to come are found as well.
    """
    if not others:
        return given
    folder = _common([path.rpartition("/")[0] for path in paths]).rstrip("/")
    names = [path.removeprefix(f"{folder}/") for path in paths]
    if all("/" not in name for name in names):
        pattern = f"{folder}/{_open_name(names)}"
        if not fnmatch.filter(others, pattern):
            return pattern
        if len(paths) == 1:
            return paths[0]
    if folder and not any(path.startswith(f"{folder}/") for path in others):
        return folder
    return None


def _open_name(names: Sequence[str]) -> str:
    """A glob for names that differ in the middle, dates and numbers at its edges included."""
    if len(names) == 1:
        pattern = re.sub(r"\d[\d_.T-]*(?=[_.-]|$)", "*", names[0], count=1)
    else:
        start, end = _common(names), _common([name[::-1] for name in names])[::-1]
        end = end if len(start) + len(end) <= min(map(len, names)) else UPath(names[0]).suffix
        pattern = re.sub(r"[\dT_.-]*\d[\dT_.-]*$", _edge, start) + "*" + re.sub(r"^[\dT_-]*\d[\dT_-]*", "", end)
    return f"[0-9]{pattern}" if pattern.startswith("*") and all(name[0].isdigit() for name in names) else pattern


def _edge(found: re.Match[str]) -> str:
    """What stands between a name and its date."""
    return re.match(r"[_.-]*", found[0])[0]  # type: ignore[index]  # it matches everywhere


def _common(texts: Sequence[str]) -> str:
    """What all of some texts begin with."""
    first, last = min(texts), max(texts)
    same = (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(same, min(len(first), len(last)))]
