"""Loading days: from a source, through the event contract, to one frame per day.

The order of these steps belongs here; the rules are in `contract.py`. A history is larger than memory: lines come in
blocks, are judged one by one and put aside by day. Days of which no more lines can come are finished meanwhile, some at
a time, the others when all lines have come; none is given to anybody before.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from ml_assets.errors import UserError
from ml_assets.events.contract import CheckedLines, judge, settle
from ml_assets.events.fingerprint import EMPTY, DayContent, Sums, added, content_of, sums_by_day
from ml_assets.events.finished import FinishedDays, groups_of_days
from ml_assets.events.garbage import ORDINARY, Tally
from ml_assets.events.good_lines import GoodLines
from ml_assets.lake import PackedFrame
from ml_assets.settings.events import EventSettings
from ml_assets.sources.base import Block, EventSource, GivesAgain, by_day, empty_items, numbered, together
from ml_assets.spill import Spill

Admit = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class DayFacts:
    """What became of the lines of one day, in numbers."""

    read: int
    valid: int
    quarantined: dict[str, int]
    """Lines by reason."""
    guests: int
    """Lines without a customer, events or set aside."""
    content: DayContent
    """What the source holds, lines of erased customers among it."""


def refused_share(days: Iterable[DayFacts]) -> float:
    """Of the lines read, those that break the contract, guests, returns and duplicates not counted; 0 of no lines."""
    read = refused = 0
    for facts in days:
        read += facts.read
        refused += sum(lines for reason, lines in facts.quarantined.items() if reason not in ORDINARY)
    return refused / read if read else 0.0


class LoadedDays(Mapping[date, CheckedLines]):
    """Judged days, put aside until they are asked for."""

    def __init__(self, facts: Mapping[date, DayFacts], done: FinishedDays, refused: Spill[date]) -> None:
        """`done` are the days that have events, `refused` are lines by day."""
        self.facts = facts
        self._done = done
        self._refused = refused

    def valid(self, day: date) -> pl.DataFrame:
        """The events of a day."""
        return self.packed(day).read()

    def packed(self, day: date) -> PackedFrame:
        """The same as the file that they will be."""
        return self._done.packed(day)

    def quarantined(self, day: date) -> pl.DataFrame:
        """The refused lines of a day."""
        lines = pl.concat([self._done.nothing.quarantined, *self._refused.read(day)])
        # Lines of a table have no numbers of their own.
        return numbered(lines, "day")

    def __getitem__(self, day: date) -> CheckedLines:
        return CheckedLines(self.valid(day), self.quarantined(day), self.facts[day].read)

    def __iter__(self) -> Iterator[date]:
        return iter(self.facts)

    def __len__(self) -> int:
        return len(self.facts)


def load_days(
    source: EventSource,
    days: Sequence[date],
    rules: EventSettings,
    admit: Admit = lambda lines: lines,
    *,
    aside: Path | None = None,
) -> LoadedDays:
    """Read and judge the lines of some days, in one pass over the source; only lines that `admit` returns count.

    What does not fit into memory is put `aside`, in a folder of the system unless given. Days without lines are closed
    days as long as the source has later ones, or is whole. Raises `UserError` where the days hold no line at all and
    nothing came after them, unless empty days are allowed: then the feed is late; and where too many lines break the
    contract.
    """
    folder = aside or Path(tempfile.gettempdir())
    first, last, wanted = min(days), max(days), set(days)
    sums: dict[date | None, Sums] = {}
    tally, twice = Tally(), dict[date, int]()
    check = partial(judge, rules=rules, measured_items=_measured_items(source, rules))
    good = GoodLines(folder, lambda lines: check(admit(lines))[0])
    done = FinishedDays(folder, partial(settle, rules=rules), check(together((), source.id_types()))[0])
    refused: Spill[date] = Spill(folder)

    def finish(whole: Mapping[date, Sequence[pl.DataFrame]]) -> None:
        for day, again in done.add({day: parts for day, parts in whole.items() if day in wanted}).items():
            refused.add(day, again)
            twice[day] = again.height

    for block in _blocks(source, first, last):
        # Of what the source holds, not of what is admitted: erasing somebody is no correction of the feed.
        sums = added(sums, sums_by_day(block.lines))
        good_lines, refused_lines = check(admit(block.lines))
        days_of_good, days_of_refused = by_day(good_lines, "source_day"), by_day(refused_lines, "day")
        tally.add(days_of_good, days_of_refused)
        for day, part in days_of_refused.items():
            refused.add(day, part)
        finish(good.add(days_of_good, block.again, block.over))
    if not sums and not rules.allow_empty_days and not _are_closed(source, first, last):
        raise empty_days(source, first, last)
    tally.refuse_garbage(rules)
    for group in groups_of_days({day: rows for day, rows in good.rows.items() if day in wanted}):
        finish({day: good.read(day) for day in group})
    return LoadedDays(dict(_facts(days, tally, twice, sums)), done, refused)


def _blocks(source: EventSource, first: date, last: date) -> Iterator[Block]:
    return (
        source.blocks_again(first, last) if isinstance(source, GivesAgain) else map(Block, source.blocks(first, last))
    )


def _facts(
    days: Sequence[date], tally: Tally, twice: Mapping[date, int], sums: Mapping[date | None, Sums]
) -> Iterator[tuple[date, DayFacts]]:
    for day in days:
        refused = tally.refused.get(day, {}) | ({"duplicate": twice[day]} if day in twice else {})
        content = content_of(sums[day]) if day in sums else EMPTY
        read = tally.read.get(day, 0)
        yield (
            day,
            DayFacts(read, read - sum(refused.values()), dict(sorted(refused.items())), tally.guests[day], content),
        )


def _are_closed(source: EventSource, first: date, last: date) -> bool:
    covered = source.days()
    return covered.first <= first and (last < covered.last or (source.is_whole and last == covered.last))


def empty_days(source: EventSource, first: date, last: date) -> UserError:
    """The complaint about days for which the source has nothing."""
    covered = source.days()
    when = f"{first}" if first == last else f"{first} to {last}"
    return UserError(
        f"The source ({source.kind}) holds no events for {when}; it covers {covered.first} to {covered.last}.",
        "Choose another day, wait for the feed, or set events.allow_empty_days: true for days without sales.",
        code="source.missing_day",
    )


def missing_ranges(wanted: Sequence[date], present: set[date]) -> list[tuple[date, date]]:
    """The days wanted and not present, as ranges (first, last) without gaps."""
    ranges: list[tuple[date, date]] = []
    for day in wanted:
        if day in present:
            continue
        if ranges and ranges[-1][1] + timedelta(days=1) == day:
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


def _measured_items(source: EventSource, rules: EventSettings) -> pl.Series:
    categories = source.measured_categories if rules.measured_categories is None else rules.measured_categories
    if not categories:
        return empty_items(source.id_types().item)["item_id"]
    return source.read_items().filter(pl.col("category").is_in(list(categories)))["item_id"]
