"""A shop's event files after the first look: how they are written, which days and ids they hold, and their lines.

The look reads lines as the first of them suggest: ids are integers where those are, dates are in the order that needs
no proof where none asks for one. Where a later line says otherwise, it begins again with what it has learnt. What takes
long to parse is parsed once: what the look has read is kept (`kept.py`) for whoever asks next. The rest is read again.
Opening files belongs to `mapped.py`, the rules of the look to `first_look.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property, partial
from pathlib import Path

import polars as pl
from upath import UPath

from ml_assets.ids import IdTypes
from ml_assets.settings.columns import NO_CUSTOMER, EventColumns
from ml_assets.settings.source import FilesSource
from ml_assets.sources import columns
from ml_assets.sources.base import Again
from ml_assets.sources.columns import Reading
from ml_assets.sources.days_over import Course
from ml_assets.sources.faults import collected
from ml_assets.sources.first_look import (
    FileFacts,
    Look,
    lost_digits,
    refuse_headers_on_first_lines,
    refuse_unreadable_times,
)
from ml_assets.sources.formats.open import format_of
from ml_assets.sources.kept import KeptLines
from ml_assets.sources.mapped import MappedFiles
from ml_assets.sources.memory import SourceMemory
from ml_assets.sources.times import DateStyle
from ml_assets.sources.writing_styles import LINES_AT_FIRST, find_date_style, needs_date_style

# What is there without being parsed is read again sooner than put aside.
READY = ("parquet", "arrow")
# Bytes; of a smaller CSV file opening it again takes longer than parsing it.
LARGE = 32 * 2**20


class LookedFiles(MappedFiles):
    """The event files at `paths`; `aside` is a folder with room for their lines."""

    def __init__(
        self,
        paths: Sequence[str],
        source: FilesSource,
        timezone: str,
        memory: SourceMemory,
        *,
        today: date,
        most_unreadable: float,
        aside: Path,
        orders: Sequence[str] = (),
    ) -> None:
        super().__init__(paths, source, timezone, memory, orders=orders)
        self._today = today
        self._most_unreadable = most_unreadable
        self._kept = KeptLines(aside)
        self._looked: dict[str, tuple[str | None, FileFacts]] = {}

    @cached_property
    def reading(self) -> Reading:
        """How values are written, by the settings and by the first look at the files."""
        found = self._set_or_found("dates", self._source.dates, self._date_style)
        return replace(self._numbers, dates=found)

    def _date_style(self) -> DateStyle:
        """Looked for where the first lines ask for it, or some cannot be read without."""
        time = self._source.columns.time
        if not needs_date_style(self.all_events(), time, self._numbers) and not any(
            self.facts(path, self._numbers).unreadable for path in self.paths
        ):
            return self._numbers.dates
        self._looked.clear()
        self._kept.forget()
        return find_date_style(self.all_events(), time, self._numbers)

    def id_types(self) -> IdTypes:
        """bigint where every id in the files is an integer, text otherwise; remembered from the first time."""
        return self._memory.id_types(self._find_id_types)

    def _find_id_types(self) -> IdTypes:
        shop = (self.all_events(), self._source.columns, self.reading)
        facts = {path: self.facts(path) for path in self.paths}
        if any(each.bare for each in facts.values()):
            refuse_headers_on_first_lines(*shop)
        if any(each.unreadable for each in facts.values()):
            refuse_unreadable_times(*shop, limit=self._most_unreadable)
        for path, each in facts.items():
            if each.lost:
                field, value = each.lost
                raise lost_digits(path, self._id_columns[field], value)
        return self._types

    @cached_property
    def _types(self) -> IdTypes:
        """Those that are settled, else what the first lines have; text from the first id on that is no integer."""
        if known := self._memory.known_id_types():
            return known
        frame = self.events(self.paths[0])
        kinds = frame.collect_schema()
        are_whole = [columns.is_whole(column, kinds, self._numbers).all() for column in self._id_columns.values()]
        lines = frame.head(LINES_AT_FIRST).select(customer=are_whole[0], item=are_whole[1])
        customer, item = collected(self.paths[0], lines).row(0)
        # Customers that are known one day may be called anything.
        customer = customer and self._source.columns.customer != NO_CUSTOMER
        return IdTypes("bigint" if customer else "text", "bigint" if item else "text")

    @property
    def _id_columns(self) -> dict[str, str]:
        return {"customer_id": self._source.columns.customer, "item_id": self._source.columns.item}

    def facts(self, path: str, reading: Reading | None = None) -> FileFacts:
        """What one pass over an event file tells, remembered for as long as it stays as it is."""
        # Finding out how values are written looks at the files as well.
        reading = reading or self.reading
        stamp = self.stamp(path, settled=False)
        known = self._looked.get(path)
        if known is None or stamp is None or known[0] != stamp:
            known = self._looked[path] = (stamp, self._look(path, reading))
        return known[1]

    def _look(self, path: str, reading: Reading) -> FileFacts:
        while True:
            look = Look(reading.timezone, self._today)
            if self._read_all(path, reading, look):
                facts = look.facts()
                return replace(facts, lost=facts.lost or self._lost_in_floats(path))
            types = {"customer_id": self._types.customer, "item_id": self._types.item}
            types |= dict.fromkeys(look.not_ids, "text")
            self._types = IdTypes(types["customer_id"], types["item_id"])

    def _read_all(self, path: str, reading: Reading, look: Look) -> bool:
        """Whether all lines could be read with the id types that are assumed."""
        state = self._state(path, reading)
        mapping, keeps = self._source.columns, state is not None
        if keeps:
            self._kept.begin(path, state)
        else:
            mapping = mapping.model_copy(update=dict.fromkeys(self._not_looked_at(path)))
        assumed = {
            field
            for field, kind in (("customer_id", self._types.customer), ("item_id", self._types.item))
            if kind == "bigint" and not self._memory.known_id_types()
        }
        for block in self._fields(path, mapping, reading, self._types, to_keep=keeps):
            look.add(block)
            if look.not_ids & assumed:
                return False
            if keeps:
                self._kept.add(path, block)
        if keeps:
            self._kept.end(path)
        return True

    def _not_looked_at(self, path: str) -> list[str]:
        """Fields of which nothing is to be found out: all but the time, and ids that are not integers by their type."""
        kinds = self.events(path).collect_schema()
        ids = {"customer": self._source.columns.customer, "item": self._source.columns.item}
        plain = [field for field, column in ids.items() if kinds[column] in (pl.Int8, pl.Int16, pl.Int32, pl.Int64)]
        return ["quantity", "amount", "cost", "order", "event_type", *plain]

    def _lost_in_floats(self, path: str) -> tuple[str, str] | None:
        """An id that a floating-point number cannot hold, of a column of such numbers."""
        frame = self.events(path)
        kinds = frame.collect_schema()
        for field, column in self._id_columns.items():
            if kinds[column].is_float():
                lost = frame.filter(columns.has_lost_digits(column, kinds)).select(pl.col(column).cast(pl.String))
                for (value,) in collected(path, lost.head(1)).iter_rows():
                    return field, value
        return None

    def _state(self, path: str, reading: Reading) -> tuple[object, ...] | None:
        """What kept lines of a file depend on; None where they are not kept."""
        stamp = self.stamp(path, settled=False)
        return (stamp, reading, self._types) if stamp and self._is_slow(path) else None

    def _is_slow(self, path: str) -> bool:
        """Whether reading a file again takes longer than reading its lines from where they are kept."""
        if format_of(path, self._source) in READY:
            return False
        # Of plain CSV the look needs few columns, and putting lines aside takes longer than parsing them again.
        return not (self.is_plain_csv(path) and UPath(path).stat().st_size >= LARGE)

    def is_kept(self, path: str) -> bool:
        """Whether the lines of an event file need not be read from it again."""
        return self._kept.has(path, self._state(path, self.reading)) and self._types == self.id_types()

    def course(self, path: str) -> Course:
        """How the days of an event file went on when it was looked at; nothing of one that was not."""
        known = self._looked.get(path)
        return known[1].course if known else ()

    def kept_lines(
        self, path: str, source_day: pl.Expr, first: date, last: date, *, undated: bool
    ) -> Iterator[tuple[Again, date]]:
        """As `lines`, of a kept file; blocks that have no line of these days (or of none: `undated`) are left out.

        With the earliest day of lines after the block.
        """
        types, course = self.id_types(), self.course(path)
        for number, fields in self._kept.read(path, first, last, undated=undated):
            yield partial(_whole, fields, types, path, source_day), course[number][1]

    def lines(self, path: str, source_day: pl.Expr) -> Iterator[pl.DataFrame]:
        """LINE_COLUMNS of an event file; `source_day` may refer to the column `day`."""
        for fields in self._fields(path, self._source.columns, self.reading, self.id_types()):
            yield columns.whole_lines(fields, self.id_types(), path, source_day)

    def _fields(
        self, path: str, mapping: EventColumns, reading: Reading, types: IdTypes, *, to_keep: bool = True
    ) -> Iterator[pl.DataFrame]:
        """Lines of a file; those that are not to be kept have neither number nor day."""
        where, done = self._source.where, 0
        frame = columns.needed(self.events(path), mapping, reading, where)
        for block in self.blocks(frame, path, whole=to_keep):
            first_line = done + 1 if to_keep else None
            yield columns.read_fields(block, mapping, reading, types=types, first_line=first_line, where=where)
            done += block.height


def _whole(fields: Again, types: IdTypes, path: str, source_day: pl.Expr) -> pl.DataFrame:
    return columns.whole_lines(fields(), types, path, source_day)
