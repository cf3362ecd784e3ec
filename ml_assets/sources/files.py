"""A shop's own files, with a column mapping.

Which days the files hold, and giving their lines, belongs here; what the files are like is found out in `looked.py`. A
line belongs to the day of its time (or of its file's path, setting `day_from`). A line without a readable time belongs
to the newest day of its file, so that it is quarantined there and not lost.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, partial
from itertools import groupby
from typing import Any

import polars as pl

from ml_assets.errors import UserError
from ml_assets.ids import IdTypes
from ml_assets.settings.columns import ItemColumns
from ml_assets.settings.opt_outs import OptOutColumns
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import FilesSource
from ml_assets.sources import catalogue
from ml_assets.sources.as_found import files_as_found
from ml_assets.sources.base import Again, Block, DayRange, empty_items, together
from ml_assets.sources.days_over import earliest_after, earliest_in
from ml_assets.sources.find_files import find_files
from ml_assets.sources.kept import gathered
from ml_assets.sources.looked import LookedFiles
from ml_assets.sources.memory import SourceMemory
from ml_assets.sources.other_days import later_lines, nothing_dated
from ml_assets.sources.refund_files import RefundFiles

# One line dated 1970 must not make twenty thousand days.
LONGEST_HISTORY = timedelta(days=3660)
ISO_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True)
class EventFile:
    """One file and the days in it; `last` also takes the lines without a readable time."""

    path: str
    first: date
    last: date


class Files:
    """Events from files; see `FilesSource` for the settings."""

    kind = "files"
    is_whole = False
    events_setting = "source.events"
    measured_categories: tuple[str, ...] = ()

    def __init__(self, settings: Settings, source: FilesSource, *, today: date) -> None:
        self.identity = f"files {source.events}"
        self._today = today
        self._timezone = settings.timezone
        self._most_unreadable = settings.events.max_quarantined
        self._source = source
        self._memory = SourceMemory(settings)
        self._home = settings.home

    @cached_property
    def _refunds(self) -> RefundFiles | None:
        if self._source.refunds is None:
            return None
        return RefundFiles(self._paths(self._source.refunds, "source.refunds"), self._source, self._mapped)

    @cached_property
    def _mapped(self) -> LookedFiles:
        orders = self._paths(self._source.orders, "source.orders") if self._source.orders else ()
        return LookedFiles(self.event_paths, orders=orders, **self._about)

    @property
    def _about(self) -> dict[str, Any]:
        """What looking at the files takes."""
        return {
            "source": self._source,
            "timezone": self._timezone,
            "memory": self._memory,
            "today": self._today,
            "most_unreadable": self._most_unreadable,
            "aside": self._home,
        }

    def id_types(self) -> IdTypes:
        """bigint where every id in the files is an integer, text otherwise; remembered from the first time."""
        return self._mapped.id_types()

    def days(self) -> DayRange:
        """From the oldest to the newest time in the files."""
        return DayRange(min(file.first for file in self._files), max(file.last for file in self._files))

    def first_day(self) -> date:
        """The oldest day when the shop was first seen, at most LONGEST_HISTORY before its newest; then remembered."""
        return self._memory.first_day(self._find_first_day)

    def _find_first_day(self) -> date:
        covered = self.days()
        return max(covered.first, covered.last - LONGEST_HISTORY)

    def blocks(self, first: date, last: date) -> Iterator[pl.DataFrame]:
        """Lines of the given days out of the files that hold them, then what was refunded."""
        return (block.lines for block in self.blocks_again(first, last))

    def blocks_again(self, first: date, last: date) -> Iterator[Block]:
        """The same; what the first look kept can be had again. What was refunded may be of any day."""
        files = [file for file in self._files if file.first <= last and file.last >= first]
        after = [date.min] * len(files) if self._refunds else earliest_after(file.first for file in files)
        courses = zip(files, after, strict=True)
        for is_kept, group in groupby(courses, key=lambda course: self._mapped.is_kept(course[0].path)):
            yield from gathered((self._kept if is_kept else self._read)(group, first, last))
        if self._refunds:
            newest = pl.col("source_day").fill_null(self.days().last)
            refunded = self._refunds.lines(self._refunds.paths, self.id_types(), first, last)
            yield Block(refunded.with_columns(newest).filter(pl.col("source_day").is_between(first, last)))

    def _kept(self, files: Iterable[tuple[EventFile, date]], first: date, last: date) -> Iterator[Block]:
        """Lines of files, each with the earliest day of those after it."""
        for file, after in files:
            # Of a file that is one day by its path all lines are wanted, whatever their time.
            days = (date.min, date.max) if self._source.day_from == "path" else (first, last)
            undated = first <= file.last <= last
            for lines, rest in self._mapped.kept_lines(file.path, self._source_day(file), *days, undated=undated):
                again = partial(_between, lines, first, last)
                yield Block(again(), again, min(rest, file.last, after))

    def _read(self, files: Iterable[tuple[EventFile, date]], first: date, last: date) -> Iterator[Block]:
        for file, after in files:
            course, count = self._mapped.course(file.path), 0
            for block in self._mapped.lines(file.path, self._source_day(file)):
                count += block.height
                over = min(earliest_in(course, count), file.last, after)
                yield Block(block.filter(pl.col("source_day").is_between(first, last)), over=over)

    def read_lines(self, first: date, last: date) -> pl.DataFrame:
        """The same at once."""
        return together(self.blocks(first, last), self.id_types())

    def pieces(self) -> dict[str, str | None]:
        """The files; how they are read is part of their stamps."""
        reading = f"{self._timezone} {self.id_types()} {self._source.model_dump_json()}"
        if self._mapped.orders:
            reading += self._mapped.orders.stamps()
        stamps = {path: self._mapped.stamp(path) for path in self.event_paths}
        found = {path: stamp and f"{stamp} {reading}" for path, stamp in stamps.items()}
        return found | (self._refunds.stamps(found) if self._refunds else {})

    def read_piece(self, piece: str, first: date, last: date) -> tuple[pl.DataFrame, date | None]:
        """Lines of one file; those without a readable time have a source_day only where others of it have a time."""
        types = self.id_types()
        if self._refunds and piece in self._refunds.paths:
            refunded = self._refunds.lines([piece], types, first, last)
            return refunded.filter(pl.col("source_day").is_between(first, last) | pl.col("source_day").is_null()), None
        file = self._look_into(piece)
        if file and (file.first > last or file.last < first):
            return together((), types), file.last
        if file:
            read = self._kept if self._mapped.is_kept(piece) else self._read
            return together((block.lines for block in read([(file, date.min)], first, last)), types), file.last
        # Its lines belong to the newest day of other files.
        blocks = self._mapped.lines(piece, pl.col("day"))
        return together((block.filter(pl.col("source_day").is_null()) for block in blocks), types), None

    def count_later(self) -> int:
        """Lines dated after today; with `day_from: path` they are quarantined as of another day."""
        if self._source.day_from == "path":
            return 0
        return sum(self._mapped.facts(path).later for path in self.event_paths)

    def later_lines(self) -> pl.DataFrame:
        """Lines dated after today, which wait for their day."""
        if self._source.day_from == "path":
            return pl.DataFrame(schema=dict.fromkeys(("source", "line", "time"), pl.String))
        return later_lines(self._mapped, self.event_paths, self._source, self._today)

    def as_found(self) -> dict[str, str]:
        """Of the shop, and of its newest file."""
        newest = max(self._files, key=lambda file: (file.last, file.path)).path
        mapped = self._mapped
        return dict(files_as_found(newest, mapped.events(newest), self._source, mapped.reading))

    def read_table(self, path: str, section: str, mapping: OptOutColumns) -> pl.DataFrame:
        """The columns of another list that lies in one of the files; expressions go by their text."""
        frame = self._mapped.table(path, section, mapping)
        wanted = dict.fromkeys(text for text in mapping.model_dump().values() if text)
        return self._mapped.collect(frame.select(list(wanted)), path)

    def read_items(self) -> pl.DataFrame:
        """The catalogue file, else names and categories carried by the events, else nothing."""
        item_type = self.id_types().item
        mapping = self._source.columns
        if self._source.items:
            at, of = "source.item_columns", self._source.item_columns
            paths = self._paths(self._source.items, "source.items")
        elif mapping.item_name or mapping.item_category:
            at, paths = "source.columns", self.event_paths
            of = ItemColumns(item=mapping.item, name=mapping.item_name, category=mapping.item_category)
        else:
            return empty_items(item_type)
        frames = [
            catalogue.items(self._mapped.table(path, at, of), of, self._mapped.reading, item_type) for path in paths
        ]
        # The newest mention of a catalogue wins: files are read in the order of their names.
        choose = catalogue.newest if self._source.items else catalogue.usual
        return catalogue.one_of_each(self._mapped.blocks(pl.concat(frames)), choose, empty_items(item_type))

    @cached_property
    def _files(self) -> list[EventFile]:
        looked = {path: self._look_into(path) for path in self.event_paths}
        dated = [file for file in looked.values() if file]
        if not dated:
            about = (self._mapped, self.event_paths, self._source, self._today)
            raise nothing_dated(*about, setting=self.events_setting)
        # A file without one readable time is quarantined whole, on the newest day there is.
        newest = max(file.last for file in dated)
        return [file or EventFile(path, newest, newest) for path, file in looked.items()]

    def _look_into(self, path: str) -> EventFile | None:
        if self._source.day_from == "path":
            found = ISO_DATE.findall(path)
            if not found:
                raise UserError(
                    f"The path {path} holds no ISO date such as 2024-05-31.",
                    "Rename it, or set source.day_from: time.",
                    code="source.unreadable",
                )
            day = date.fromisoformat(found[-1])
            return EventFile(path, day, day)
        facts = self._mapped.facts(path)
        return EventFile(path, facts.first, facts.last) if facts.first and facts.last else None

    def _source_day(self, file: EventFile) -> pl.Expr:
        if self._source.day_from == "path":
            return pl.lit(file.last)
        return pl.col("day").fill_null(pl.lit(file.last))

    @cached_property
    def event_paths(self) -> list[str]:
        """The files with events, in the order of their names."""
        return self._paths(self._source.events, self.events_setting)

    def _paths(self, pattern: str, setting: str) -> list[str]:
        return find_files(pattern, setting, self._source)


def _between(lines: Again, first: date, last: date) -> pl.DataFrame:
    return lines().filter(pl.col("source_day").is_between(first, last))
