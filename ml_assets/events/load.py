"""Loading days: from a source, through the event contract, to one frame per day.

The order of these steps belongs here; the rules are in `contract.py`.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import polars as pl

from ml_assets.errors import UserError
from ml_assets.events.contract import CheckedLines, check_lines
from ml_assets.events.fingerprint import NOTHING, fingerprint_days
from ml_assets.events.garbage import refuse_garbage
from ml_assets.settings.events import EventSettings
from ml_assets.sources.base import EventSource, empty_items


def load_days(
    source: EventSource,
    days: Sequence[date],
    rules: EventSettings,
    admit: Callable[[pl.DataFrame], pl.DataFrame] = lambda lines: lines,
) -> dict[date, CheckedLines]:
    """Read and judge the lines of some days, in one pass over the source; only lines that `admit` returns count.

    Days without lines are closed days as long as the source has later ones, or is whole. Raises `UserError` where
    the days hold no line at all and nothing came after them, unless empty days are allowed: then the feed is late; and
    where too many lines break the contract.
    """
    first, last = min(days), max(days)
    lines = source.read_lines(first, last)
    if lines.is_empty() and not rules.allow_empty_days and not _are_closed(source, first, last):
        raise empty_days(source, first, last)
    # Of what the source holds, not of what is admitted: erasing somebody is no correction of the feed.
    contents = fingerprint_days(lines)
    lines = admit(lines)
    checked = check_lines(lines, rules, _measured_items(source, rules))
    refuse_garbage(checked, rules)
    valid = checked.valid.partition_by("day", as_dict=True)
    quarantined = checked.quarantined.partition_by("day", as_dict=True)
    no_valid, none_quarantined = checked.valid.clear(), checked.quarantined.clear()
    read = dict(lines.group_by("source_day").len().iter_rows())
    return {
        day: CheckedLines(
            valid.get((day,), no_valid),
            quarantined.get((day,), none_quarantined),
            read.get(day, 0),
            contents[day].rows if day in contents else 0,
            contents[day].fingerprint if day in contents else NOTHING,
        )
        for day in days
    }


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
