"""A cheap look at the source: only what changed since the look before is read again.

A source consists of pieces (files), each with a stamp that changes with its content. What a look read is remembered by
piece and stamp, in a text that the caller keeps. It is forgotten once a day, because a file may be replaced by one of
the same size and time, and with it whenever the window, the settings or the way of counting change.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl

from ml_assets.events.fingerprint import DayContent, Sums, added, content_of, sums_by_day
from ml_assets.sources.base import EventSource


@dataclass(frozen=True)
class Piece:
    """What a piece of the source held within the window."""

    newest: date | None
    """Its newest day, whether or not in the window."""
    days: dict[date | None, Sums]
    """None: lines of no day, which belong to the newest day of the whole source."""


class SourceScan:
    """One look. `memory` is that of the look before, or None; `today` is the shop's date."""

    def __init__(self, source: EventSource, memory: str | None, *, today: date) -> None:
        self._source = source
        self._today = today
        self._before = memory
        self.memory: str | None = memory
        """To be given to the next look."""
        self.read: list[str] = []
        """The pieces that had to be read."""

    def contents(self, first: date, last: date) -> dict[date, DayContent]:
        """The content of the days of a window, as `fingerprint_days` of all its lines would give."""
        valid_for = f"{self._today} {first} {last} {self._source.identity} {pl.__version__}"
        known = _unpack(self._before, valid_for)
        pieces: dict[str, Piece] = {}
        remembered: dict[str, Piece] = {}
        for name, stamp in self._source.pieces().items():
            # The stamp is older than the content: a change in between is read again.
            key = hashlib.blake2b(f"{name} {stamp}".encode(), digest_size=12).hexdigest()
            if stamp is not None and key in known:
                pieces[name] = known[key]
            else:
                lines, newest = self._source.read_piece(name, first, last)
                pieces[name] = Piece(newest, sums_by_day(lines))
                self.read.append(name)
            if stamp is not None:
                remembered[key] = pieces[name]
        self.memory = _pack(remembered, valid_for)
        return _together(pieces.values(), first, last)


def contents_of(source: EventSource, first: date, last: date) -> dict[date, DayContent]:
    """The content of the days of a window, with nothing remembered."""
    sums: dict[date | None, Sums] = {}
    for lines in source.blocks(first, last):
        sums = added(sums, sums_by_day(lines))
    return {day: content_of(each) for day, each in sums.items() if day}


def _together(pieces: Iterable[Piece], first: date, last: date) -> dict[date, DayContent]:
    held = list(pieces)
    newest = max((piece.newest for piece in held if piece.newest), default=None)
    sums: dict[date | None, Sums] = {}
    for piece in held:
        for found, each in piece.days.items():
            sums = added(sums, {found or newest: each})
    return {day: content_of(each) for day, each in sums.items() if day and first <= day <= last}


def _pack(pieces: dict[str, Piece], valid_for: str) -> str:
    rows = {
        key: [
            piece.newest.isoformat() if piece.newest else None,
            {day.isoformat() if day else "": sums for day, sums in piece.days.items()},
        ]
        for key, piece in pieces.items()
    }
    text = json.dumps({"valid_for": valid_for, "pieces": rows}, separators=(",", ":"))
    return base64.b85encode(zlib.compress(text.encode())).decode()


def _unpack(memory: str | None, valid_for: str) -> dict[str, Piece]:
    """The pieces of the look before; none where it was of another day, window or version."""
    if not memory:
        return {}
    try:
        known = json.loads(zlib.decompress(base64.b85decode(memory)))
        if known["valid_for"] != valid_for:
            return {}
        return {
            key: Piece(
                date.fromisoformat(newest) if newest else None,
                {date.fromisoformat(day) if day else None: tuple(sums) for day, sums in days.items()},
            )
            for key, (newest, days) in known["pieces"].items()
        }
    except (ValueError, KeyError, TypeError, zlib.error):
        # Written by another version, or by hand: everything is read.
        return {}
