"""Lines of files that one pass has read, put aside for the passes after it.

What takes long to parse is parsed once: the look at a file reads its lines, and loading them, or reading some days of
them again, takes them from here. Nothing depends on it. What cannot be put aside, because the disk has little room or
may not be written, is read from the file again.
"""

import logging
import shutil
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from ml_assets.errors import UserError
from ml_assets.sources.base import BLOCK_ROWS, Again, Block
from ml_assets.spill import Spill
from ml_assets.whole_files import make_private

log = logging.getLogger(__name__)
# Of the room on the disk, for what can be read again.
SHARE_OF_ROOM = 0.25


@dataclass
class _File:
    """What is kept of one file."""

    state: Hashable
    number: int
    days: list[tuple[date | None, date | None, bool]] = field(default_factory=list)
    """Of each block the first and last day, and whether some of its lines have none."""
    is_whole: bool = False


class KeptLines:
    """Lines by file, in their order, in an unnamed file in `folder`, which is gone with this object.

    They take at most SHARE_OF_ROOM of what is free there; larger ones are not kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._spill: Spill[tuple[int, int]] = Spill(folder)
        self._begun = 0
        self._room: float | None = None
        self._is_full = False

    def begin(self, path: str, state: Hashable) -> None:
        """From now on lines of a file are added; `state` is that of the file and of how it is read."""
        if not any(known.is_whole for known in self._files.values()):
            # What was added before something else was learnt takes no room.
            self._spill = Spill(self._folder)
        self._begun += 1
        self._files[path] = _File(state, self._begun)

    def add(self, path: str, lines: pl.DataFrame) -> None:
        """Some lines more, with a column `day`."""
        if self._is_full:
            return
        file, days = self._files[path], lines["day"]
        try:
            if self._room is None:
                make_private(self._folder)
                self._room = SHARE_OF_ROOM * shutil.disk_usage(self._folder).free
            self._spill.add((file.number, len(file.days)), lines)
        except (UserError, OSError) as error:
            log.info("Lines are not kept, but read again: %s", error)
            self._is_full = True
        if self._is_full or self._spill.size > (self._room or 0):
            self._is_full = True
            self.forget()
        else:
            file.days.append((days.min(), days.max(), days.null_count() > 0))  # type: ignore[arg-type]

    def end(self, path: str) -> None:
        """All lines of the file were added."""
        if not self._is_full:
            self._files[path].is_whole = True

    def forget(self) -> None:
        """Keep nothing, and give the room back."""
        self._files.clear()
        self._spill = Spill(self._folder)

    def has(self, path: str, state: Hashable) -> bool:
        """Whether all lines of a file are here, as they are in this state."""
        file = self._files.get(path)
        return file is not None and file.is_whole and file.state == state

    def read(self, path: str, first: date, last: date, *, undated: bool) -> Iterator[tuple[int, Again]]:
        """The blocks of a file that have lines of some days, other lines among them; `undated`: or of no day.

        With their numbers, from 0. Each can be had as often as it is wanted, also when nothing is kept here any more.
        """
        file = self._files[path]
        for number, (oldest, newest, has_undated) in enumerate(file.days):
            if (oldest and newest and oldest <= last and newest >= first) or (undated and has_undated):
                yield number, partial(_read, self._spill, (file.number, number))


def _read(spill: Spill[tuple[int, int]], place: tuple[int, int]) -> pl.DataFrame:
    return pl.concat(spill.read(place))


def gathered(blocks: Iterator[Block]) -> Iterator[Block]:
    """Small blocks as larger ones, of BLOCK_ROWS lines or less where they do not fit together."""
    held: list[Block] = []
    for block in blocks:
        if held and sum(one.lines.height for one in held) + block.lines.height > BLOCK_ROWS:
            yield _as_one(held)
            held = []
        held.append(block)
    if held:
        yield _as_one(held)


def _as_one(blocks: list[Block]) -> Block:
    ways = [block.again for block in blocks if block.again]
    lines = pl.concat(block.lines for block in blocks)
    return Block(
        lines, (lambda: pl.concat(way() for way in ways)) if len(ways) == len(blocks) else None, blocks[-1].over
    )
