"""A shop's files opened with its mapping: the mapped columns are there, computed ones too, and how values are written.

Which files there are belongs to `find_files.py`, what they are like to `looked.py`, and which days they hold to
`files.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import polars as pl
from upath import UPath

from ml_assets.errors import UserError, raise_all
from ml_assets.settings.columns import EventColumns
from ml_assets.settings.section import Section
from ml_assets.settings.source import FilesSource
from ml_assets.sources.base import BLOCK_ROWS
from ml_assets.sources.columns import Reading
from ml_assets.sources.expressions import columns_of, computed, may_lack, numbers_within, quoted
from ml_assets.sources.faults import FAULTS, unreadable_file
from ml_assets.sources.formats.csv import SEPARATORS, Dialect, find_dialect, scan_as
from ml_assets.sources.formats.nested import unnested
from ml_assets.sources.formats.open import format_of, open_table
from ml_assets.sources.memory import SourceMemory
from ml_assets.sources.orders import Orders
from ml_assets.sources.stamps import stamp_of
from ml_assets.sources.writing_styles import find_number_style, hold_numbers

EVENTS = "source.columns"
# Their expressions compute with numbers.
NUMERIC = (f"{EVENTS}.quantity", f"{EVENTS}.amount", f"{EVENTS}.cost", "source.where")


class MappedFiles:
    """The event files at `paths`, and other files that are read in the same way."""

    def __init__(
        self,
        paths: Sequence[str],
        source: FilesSource,
        timezone: str,
        memory: SourceMemory,
        *,
        orders: Sequence[str] = (),
    ) -> None:
        self.paths = paths
        self._source = source
        self._memory = memory
        words = tuple(word.lower() for word in source.null_words)
        self._plain = Reading(timezone, words, order_fields=source.order_fields)
        self.orders = Orders(orders, source.orders_on, self._read, self.stamp, source.undated) if orders else None
        # What is said of event files alone.
        self._of_others = source.model_copy(update={"csv_header": None, "unnest": None})
        self._opened: dict[str, tuple[str | None, pl.LazyFrame]] = {}
        self._dialects: dict[str, Dialect] = {}

    def all_events(self) -> dict[str, pl.LazyFrame]:
        """Every event file, in the order of the paths."""
        return {path: self.events(path) for path in self.paths}

    def events(self, path: str) -> pl.LazyFrame:
        """One event file."""
        return self.table(path, EVENTS, self._source.columns)

    def table(self, path: str, section: str, mapping: Section) -> pl.LazyFrame:
        """One file with the columns of a mapping, computed ones among them; `section` is its name in the settings.

        Raises `UserError` where it cannot be read, or lacks columns.
        """
        texts = self._texts(section, mapping)
        frame = self._delivered(path, texts)
        kinds = frame.collect_schema()
        for setting, text in texts.items():
            if text not in kinds:
                numeric = numbers_within(setting, text, kinds, self._number_columns if setting in NUMERIC else ())
                frame = computed(frame, text, numeric, self._numbers.number)
        return frame

    def collect(self, frame: pl.LazyFrame, path: str | None = None) -> pl.DataFrame:
        """The few rows of a frame; raises `UserError` where a file turns out to be damaged."""
        try:
            return frame.collect(engine="streaming", optimizations=self._optimizations)
        except pl.exceptions.PolarsError as error:
            raise unreadable_file(path or self._source.events, error) from None

    def blocks(self, frame: pl.LazyFrame, path: str | None = None, *, whole: bool = True) -> Iterator[pl.DataFrame]:
        """The rows in their order, some at a time; raises `UserError` where a file turns out to be damaged.

        `whole`: also where the damage lies in columns that are not asked for.
        """
        how = self._optimizations if whole else pl.QueryOptFlags()
        try:
            yield from frame.collect_batches(
                chunk_size=BLOCK_ROWS, maintain_order=True, engine="streaming", optimizations=how
            )
        except pl.exceptions.PolarsError as error:
            raise unreadable_file(path or self._source.events, error) from None

    @property
    def _optimizations(self) -> pl.QueryOptFlags:
        # A line with too many fields has its values in the wrong columns; Polars only notices when it reads all.
        whole = any(format_of(known, self._source) == "csv" for known in self.paths)
        return pl.QueryOptFlags(projection_pushdown=not whole)

    @cached_property
    def _numbers(self) -> Reading:
        """With the way that numbers are written."""
        frames = {path: self._delivered(path, self._texts(EVENTS, self._source.columns)) for path in self.paths}
        found = self._set_or_found(
            "numbers", self._source.numbers, lambda: find_number_style(frames, self._numeric_roots(frames), self._plain)
        )
        return replace(self._plain, numbers=found)

    @cached_property
    def _number_columns(self) -> list[str]:
        """Text columns within numeric expressions that hold numbers."""
        frames = {path: self._delivered(path, self._texts(EVENTS, self._source.columns)) for path in self.paths}
        return hold_numbers(frames, self._numeric_roots(frames), self._numbers)

    def _numeric_roots(self, frames: Mapping[str, pl.LazyFrame]) -> list[str]:
        have = next(iter(frames.values())).collect_schema().names()
        texts = self._texts(EVENTS, self._source.columns)
        roots = [columns_of(setting, texts[setting], have) for setting in NUMERIC if setting in texts]
        return list(dict.fromkeys(column for columns in roots for column in columns))

    def _texts(self, section: str, mapping: Section) -> dict[str, str]:
        """What a mapping says, by setting."""
        texts = {f"{section}.{field}": text for field, text in mapping.model_dump().items() if text}
        if isinstance(mapping, EventColumns) and self._source.where:
            texts["source.where"] = self._source.where
        return texts

    def _set_or_found(self, name: str, setting: str, find: Callable[[], str]) -> Any:
        """How the shop writes something: by its setting, else as remembered, else as its files show."""
        if setting != "auto":
            return setting
        known = self._memory.recall(name)
        if not known:
            known = find()
            self._memory.remember(**{name: known})
        return known

    def _delivered(self, path: str, texts: Mapping[str, str]) -> pl.LazyFrame:
        """One file as it is, checked for readability and for the columns that are needed."""
        frame = self._read(path, list(texts.values()))
        if self.orders and path in self.paths:
            frame = self.orders.joined(frame, path)
        kinds = frame.collect_schema()
        have = kinds.names()
        lacking, wrong = list[str](), list[UserError]()
        for setting, text in texts.items():
            if text in kinds and kinds[text].is_nested():
                wrong.append(_no_single_values(path, setting, text, kinds[text]))
                continue
            try:
                needed = columns_of(setting, text, have)
            except UserError as error:
                wrong.append(error)
                continue
            missing = [column for column in needed if column not in have]
            if missing and may_lack(text, missing, needed):
                lacking += missing
            elif missing:
                within = f", which {setting}: {text} is made of" if missing != [text] else ""
                wrong.append(
                    UserError(
                        f"{path} has no column {', '.join(missing)}{within} (it has: {', '.join(have)}).",
                        self._what_to_map(setting, text, have),
                        code="source.unreadable",
                    )
                )
        raise_all(wrong)
        return frame.with_columns(pl.lit(None, pl.String).alias(column) for column in dict.fromkeys(lacking))

    def _what_to_map(self, setting: str, text: str, have: Sequence[str]) -> str:
        """What to do about a column that is not there."""
        if len(have) == 1 and (sign := next((sign for sign in SEPARATORS if sign in have[0]), "")):
            return f"Set source.csv_separator to {sign!r}, or take it out: it is found out for each file."
        if len(self.paths) > 1:
            new = next((name for name in have if name not in self._mapped_columns), "NEW_NAME")
            return (
                f"Map one of them, or an expression in SQL, as {setting}. Where files of other ages have other names, "
                f"`coalesce({quoted(text)}, {quoted(new)})` reads both."
            )
        return f"Map one of them, or an expression in SQL, as {setting}."

    @cached_property
    def _mapped_columns(self) -> set[str]:
        """What the settings name, as it stands there."""
        return set(self._texts(EVENTS, self._source.columns).values())

    def _read(self, path: str, wanted: Sequence[str] = ()) -> pl.LazyFrame:
        try:
            frame = self._open(path, wanted)
            frame.collect_schema()
        except FAULTS as error:
            raise unreadable_file(path, error) from None
        return frame

    def _open(self, path: str, wanted: Sequence[str]) -> pl.LazyFrame:
        """Opened once for as long as the file stays as it is: its dialect is looked for in much of it."""
        stamp = self.stamp(path)
        known = self._opened.get(path)
        if known is None or stamp is None or known[0] != stamp:
            known = self._opened[path] = (stamp, self._opened_anew(path, wanted))
        return known[1]

    def _opened_anew(self, path: str, wanted: Sequence[str]) -> pl.LazyFrame:
        if path not in self.paths:
            return self._open_table(path, self._of_others, wanted)
        frame = self._open_table(path, self._source, wanted)
        return unnested(frame, self._source.unnest, path) if self._source.unnest else frame

    def stamp(self, path: str, *, settled: bool = True) -> str | None:
        """What changes whenever a file does; None where only reading tells (`stamps.stamp_of`)."""
        return stamp_of(UPath(path), settled=settled)

    def is_plain_csv(self, path: str) -> bool:
        """Whether an event file is a CSV file that is read as it lies there, with columns alone, nothing computed."""
        if (format_of(path, self._source) or "csv") != "csv" or path not in self.paths:
            return False
        if path not in self._dialects:
            self._read(path, list(self._mapped_columns))
        dialect = self._dialects[path]
        return dialect.is_plain(path) and self._mapped_columns <= {*dialect.first_fields}

    def _open_table(self, path: str, source: FilesSource, wanted: Sequence[str]) -> pl.LazyFrame:
        if (format_of(path, source) or "csv") != "csv":
            return open_table(path, source, wanted)
        dialect = self._dialects[path] = find_dialect(path, source, wanted)
        return scan_as(path, source, dialect)


def _no_single_values(path: str, setting: str, text: str, kind: pl.DataType) -> UserError:
    return UserError(
        f"{path}: the column {text} holds {kind}, no single values.",
        f"Set {setting} to a value within it, as in ecommerce.transaction_id; where it is a list of items, "
        "set source.unnest to its name, and each item becomes a line.",
        code="source.unreadable",
    )
