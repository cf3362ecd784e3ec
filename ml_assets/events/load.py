"""Loading days: from a source, through the event contract, to one frame per day.

The order of these steps belongs here; the rules are in `contract.py`. A history is larger than memory: lines come in
blocks, are judged one by one and put aside by day. Days of which no more lines can come are finished meanwhile, some at
a time, the others when all lines have come; none is given to anybody before.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import chain
from pathlib import Path

import polars as pl

from ml_assets.errors import UserError
from ml_assets.events.contract import CheckedLines, delivered_twice, judge, settle
from ml_assets.events.fingerprint import EMPTY, DayContent, Sums, added, content_of, sums_by_day
from ml_assets.events.garbage import Tally
from ml_assets.events.finished import Finish, FinishedDays, groups_of_days
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


class LoadedDays(Mapping[date, CheckedLines]):
    """Judged days, put aside; those that are not finished yet are when they are asked for, best in their order."""

    def __init__(
        self,
        facts: Mapping[date, DayFacts],
        done: FinishedDays,
        good: GoodLines,
        refused: Spill[date],
        finish: Finish,
        nothing: pl.DataFrame,
    ) -> None:
        """`good` lines are of days not `done`, which `finish` makes events, as it would of `nothing`, no lines."""
        self.facts = facts
        self._done = done
        self._good = good
        self._refused = refused
        self._finish = finish
        self._groups = groups_of_days(good.rows)
        self._group_of = {day: number for number, group in enumerate(self._groups) for day in group}
        self._nothing = finish(nothing)
        self._held: tuple[int, dict[date, pl.DataFrame]] = (-1, {})
        self._finished: set[int] = set()

    def valid(self, day: date) -> pl.DataFrame:
        """The events of a day."""
        if day in self._done:
            return self._done.packed(day).read()
        number = self._group_of.get(day)
        if number is None:
            return self._nothing.valid
        if self._held[0] != number:
            self._finish_group(number)
        return self._held[1].get(day, self._nothing.valid)

    def packed(self, day: date) -> pl.DataFrame | PackedFrame:
        """The same for who writes them: as a file where that is at hand."""
        return self._done.packed(day) if day in self._done else self.valid(day)

    def quarantined(self, day: date) -> pl.DataFrame:
        """The refused lines of a day."""
        number = self._group_of.get(day)
        if number is not None and number not in self._finished:
            self._finish_group(number)
        lines = pl.concat([self._nothing.quarantined, *self._refused.read(day)])
        # Lines of a table have no numbers of their own.
        return numbered(lines, "day")

    def __getitem__(self, day: date) -> CheckedLines:
        return CheckedLines(self.valid(day), self.quarantined(day), self.facts[day].read)

    def __iter__(self) -> Iterator[date]:
        return iter(self.facts)

    def __len__(self) -> int:
        return len(self.facts)

    def _finish_group(self, number: int) -> None:
        checked = self._finish(pl.concat(part for day in self._groups[number] for part in self._good.read(day)))
        self._held = (number, by_day(checked.valid, "day"))
        if number not in self._finished:
            for day, part in by_day(checked.quarantined, "day").items():
                self._refused.add(day, part)
            self._finished.add(number)


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
    finish = partial(settle, rules=rules)
    good, done = GoodLines(folder, lambda lines: check(admit(lines))[0]), FinishedDays(folder, finish)
    refused: Spill[date] = Spill(folder)
    for block in _blocks(source, first, last):
        # Of what the source holds, not of what is admitted: erasing somebody is no correction of the feed.
        sums = added(sums, sums_by_day(block.lines))
        good_lines, refused_lines = check(admit(block.lines))
        days_of_good, days_of_refused = by_day(good_lines, "source_day"), by_day(refused_lines, "day")
        tally.add(days_of_good, days_of_refused)
        over = good.add(days_of_good, block.again, block.over)
        again = done.add({day: parts for day, parts in over.items() if day in wanted})
        twice.update({day: part.height for day, part in again.items()})
        for day, part in chain(days_of_refused.items(), again.items()):
            refused.add(day, part)
    if not sums and not rules.allow_empty_days and not _are_closed(source, first, last):
        raise empty_days(source, first, last)
    tally.refuse_garbage(rules)
    twice |= _delivered_twice(good, tally, rules)
    facts = dict(_facts(days, tally, twice, sums))
    nothing = check(together((), source.id_types()))[0]
    return LoadedDays(facts, done, good, refused, finish, nothing)


def _blocks(source: EventSource, first: date, last: date) -> Iterator[Block]:
    return (
        source.blocks_again(first, last) if isinstance(source, GivesAgain) else map(Block, source.blocks(first, last))
    )


def _delivered_twice(good: GoodLines, tally: Tally, rules: EventSettings) -> dict[date, int]:
    """Lines of each day that come twice; in days that one file alone holds, equal lines are no mistake."""
    alone = rules.duplicates == "between_files"
    found = {}
    for day in sorted(good.rows):
        if not alone or len(tally.files[day]) > 1:
            twice = int(delivered_twice(pl.concat(good.read(day)), rules).sum())
            found.update({day: twice} if twice else {})
    return found


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
