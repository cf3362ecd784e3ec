"""What `run --since-last` did to the live release, as `ml-assets status` and `ml-assets releases` say it."""

from zoneinfo import ZoneInfo

from rich.markup import escape

from ml_assets.cli.console import OUT
from ml_assets.releases.rescored import LastTime


def show_inside_the_day(last: LastTime, tz: ZoneInfo) -> None:
    """Print in a sentence or two when lists were made anew last, of how many customers, and whether they were shown."""
    OUT.print(f"{escape(_words(last, tz))}\n", soft_wrap=True)


def facts_inside_the_day(last: LastTime) -> dict[str, object]:
    """The same for scripts."""
    return {
        "state": last.state,
        "at": last.at,
        "customers": last.customers,
        "reason": last.reason,
        "times_shown": last.shown,
    }


def _words(last: LastTime, tz: ZoneInfo) -> str:
    when = f"{last.at.astimezone(tz):%Y-%m-%d %H:%M}"
    if last.state == "undone":
        return f"Lists that were made anew inside the day were taken back: {last.reason}"
    times = f"{last.shown:,} time{'' if last.shown == 1 else 's'}"
    who = f"{last.customers:,} customer{'' if last.customers == 1 else 's'}"
    if last.state == "refused":
        return f"Lists were made anew inside the day {times}; those of {when} for {who} were refused: {last.reason}"
    return f"Lists were made anew inside the day {times}, last at {when} for {who} (ml.rescorings)."
