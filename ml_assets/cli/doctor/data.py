"""The shop's data: files, lines that fit, days, hours; what there is to learn from is looked at in `learning.py`.

Each check gets what was read once; nothing is written, and nothing is loaded.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import partial

from ml_assets.cli.doctor.finding import Finding, Level, findings
from ml_assets.cli.doctor.learning import amounts, costs, guests, items, opt_outs, what_is_made
from ml_assets.cli.doctor.look import DAYS_READ, EXAMPLES, Look, read_look
from ml_assets.events.contract import REASONS, CheckedLines
from ml_assets.events.garbage import ORDINARY, SETTINGS
from ml_assets.settings.calendar import WEEKDAYS
from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source
from ml_assets.sources.relations import called

# A newest day with less than this share of what its weekday usually has was probably cut off.
SHARE_OF_A_DAY = 0.3
NIGHT = (22, 6)
"""From when until when the quietest hours of a shop should begin."""
QUIET_HOURS = 4
MOST_IN_A_DIP = 0.5
"""Of what as many hours have on average: what sells more in its quietest hours has none, and sleeps at no time."""
EVENING = 18
# Fewer days cannot tell on which weekdays a shop is closed.
DAYS_THAT_TELL = 21


def look_at_data(settings: Settings, today: date) -> Iterator[Finding]:
    """Everything about the source."""
    looks: list[Look] = []

    def read() -> Iterator[Finding]:
        source = build_source(settings)
        looks.append(read_look(settings, source, today))
        covered = looks[0].covered
        words = f"{_short(source.identity)}: {covered.first} to {covered.last}, read with these settings."
        yield Finding("source", "good", words)
        for setting, found in source.as_found().items():
            yield Finding("source", "good", f"Found: {found} ({setting} says otherwise).")

    yield from findings("source", read)
    for look in looks:
        for about, check in CHECKS.items():
            yield from findings(about, partial(check, look, about))


def _short(identity: str) -> str:
    """Kind and place of a source, without the text of a query."""
    kind, _, place = identity.partition(" ")
    return f"{kind} {called(place)}"


def _lines(look: Look, about: str) -> Iterator[Finding]:
    checked = look.checked
    share = checked.valid.height / max(checked.read, 1)
    words = (
        f"{checked.valid.height:,} of {checked.read:,} lines of the newest {DAYS_READ} days are events ({share:.1%})."
    )
    yield Finding(about, "good" if checked.valid.height else "error", words, _fix_of_none(checked))
    for reason, count in checked.quarantined["reason"].value_counts(sort=True).iter_rows():
        examples = checked.quarantined.filter(reason=reason).select("source", "line", "detail").head(EXAMPLES).rows()
        shown = "; ".join(
            f"{called(source)} line {line}" + (f": {detail}" if detail else "") for source, line, detail in examples
        )
        part = count / checked.read
        lines = f"1 line ({part:.1%}) is" if count == 1 else f"{count:,} lines ({part:.1%}) are"
        words = f"{lines} set aside as {reason}: {REASONS[reason]} ({shown})"
        if reason in ORDINARY:
            yield Finding(about, "good", words)
        else:
            level: Level = "error" if part > look.settings.events.max_quarantined else "warning"
            yield Finding(about, level, words, f"Look at {SETTINGS.get(reason, 'the export')}.")


def _fix_of_none(checked: CheckedLines) -> str:
    return "" if checked.valid.height else "The reasons below say which settings to change."


def _days(look: Look, about: str) -> Iterator[Finding]:
    covered = look.covered
    wanted = look.today - timedelta(days=1)
    late = (wanted - covered.last).days
    if late > 0:
        words = f"The newest day is {covered.last}, {late} {'day' if late == 1 else 'days'} before yesterday."
        yield Finding(about, "warning", words, "Deliver the newest days, or say when there is no business: calendar.")
    else:
        yield Finding(about, "good", f"The newest day is {covered.last}.")
    counts = dict(look.checked.valid.group_by("day").len().iter_rows())
    first = max(covered.first, covered.last - timedelta(days=DAYS_READ - 1))
    span = [first + timedelta(days=n) for n in range((covered.last - first).days + 1)]
    empty = look.settings.calendar.with_business(day for day in span if day not in counts)
    if empty and not look.settings.events.allow_empty_days:
        shown = ", ".join(map(str, empty[:EXAMPLES])) + (", ..." if len(empty) > EXAMPLES else "")
        yield Finding(
            about, "warning", f"{len(empty)} of {len(span)} days have no events: {shown}.", _fix_of_gaps(empty, counts)
        )
    if look.later_count:
        found = look.later.head(EXAMPLES).iter_rows()
        examples = (f"{source}{f' line {line}' if line is not None else ''}: {time}" for source, line, time in found)
        words = f"{look.later_count:,} lines are dated after today, {look.today}, and wait for their day"
        fix = "Where their times are wrong, mend the export; else there is nothing to do. Is timezone the shop's own?"
        yield Finding(about, "warning", f"{words} ({'; '.join(examples)}).", fix)
    same = sorted(counts[day] for day in span[:-1] if day in counts and day.weekday() == covered.last.weekday())
    if same and (newest := counts.get(covered.last, 0)) < SHARE_OF_A_DAY * same[len(same) // 2]:
        usual = same[len(same) // 2]
        words = f"The newest day, {covered.last}, has {newest:,} events; its weekday usually has {usual:,}."
        yield Finding(about, "warning", words, "Was it exported before it was over? Deliver it again, whole.")


def _fix_of_gaps(empty: list[date], counts: Mapping[date, int]) -> str:
    """What to set: where some weekdays never have events, those are days without business."""
    closed = {day.weekday() for day in empty} - {day.weekday() for day in counts}
    if not closed or len(counts) < DAYS_THAT_TELL:
        return "Deliver them, or set calendar.business_days, calendar.holidays or events.allow_empty_days."
    traded = ", ".join(name for number, name in enumerate(WEEKDAYS) if number not in closed)
    others = [day for day in empty if day.weekday() not in closed]
    more = f"; deliver the others, such as {others[0]}, or list them under calendar.holidays" if others else ""
    return f"Nothing is ever sold on some weekdays: set calendar: {{business_days: [{traded}]}}{more}."


def _hours(look: Look, about: str) -> Iterator[Finding]:
    zone = look.settings.timezone
    times = look.purchases["occurred_at"].dt.convert_time_zone(zone)
    by_hour = [0] * 24
    for hour, count in times.dt.hour().value_counts().iter_rows():
        by_hour[hour] = count
    if sum(by_hour) < 1000 or max(by_hour) > 0.9 * sum(by_hour):
        return
    quiet = min(range(24), key=partial(_sales_around, by_hour))
    span = f"{quiet}:00 to {(quiet + QUIET_HOURS) % 24}:00"
    least = _sales_around(by_hour, quiet)[0] / (QUIET_HOURS * sum(by_hour) / 24)
    if least > MOST_IN_A_DIP:
        yield Finding(about, "good", f"In {zone} events are spread over the whole day; no hours are quiet.")
    elif quiet >= NIGHT[0] or quiet < NIGHT[1]:
        yield Finding(about, "good", f"In {zone} the quietest hours are {span}.")
    else:
        part = "in the evening" if quiet >= EVENING else "by day"
        words = f"In {zone} the quietest hours are {span}, {part}, with {least:.0%} of the usual sales."
        yield Finding(
            about, "warning", words, "Is timezone the shop's own? Times without a zone are taken to be in it."
        )


def _sales_around(by_hour: list[int], start: int) -> tuple[int, int]:
    """Events of the hours from `start` on; of several stretches without any the middle one counts as quietest."""
    near = sum(by_hour[(start + n) % 24] for n in range(QUIET_HOURS))
    far = sum(by_hour[(start + n) % 24] for n in range(-QUIET_HOURS, 2 * QUIET_HOURS))
    return near, far


CHECKS: dict[str, Callable[[Look, str], Iterator[Finding]]] = {
    "lines": _lines,
    "what is made": what_is_made,
    "guests": guests,
    "opt-outs": opt_outs,
    "days": _days,
    "hours": _hours,
    "items": items,
    "amount of data": amounts,
    "costs": costs,
}
