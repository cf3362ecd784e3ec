"""What readers see after days were run, in words: a day that was computed is not always the one that is shown.

What was released, and what is live, is known to `releases/`.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from ml_assets.releases.catalog import Shown


def headline(days: Sequence[date], shown: Sequence[Shown]) -> str:
    """What was done, in a sentence that does not call published what nobody sees."""
    what = f"{days[0]}" if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]}"
    live = [one for one in shown if one.state == "live"]
    if len(live) == len(shown):
        return f"Published {what}."
    if not live:
        return f"Computed {what}, which readers do not see:" if len(days) == 1 else f"Computed {what}. Not live:"
    return f"Published {what}, but not all of it:"


def exceptions(day: date, shown: Sequence[Shown]) -> list[str]:
    """A sentence for the subjects of which readers do not see the newest release of a day, those alike together."""
    alike: dict[str, list[str]] = defaultdict(list)
    for one in shown:
        if one.state != "live":
            alike[_why(day, one)].append(one.subject)
    return [f"{', '.join(subjects)}: {why}" for why, subjects in alike.items()]


def _why(day: date, one: Shown) -> str:
    seen = f"readers see {one.live_day}" if one.live_day else "readers see nothing yet"
    if one.state is None:
        return f"nothing was released of {day}; {seen}."
    if one.state == "blocked":
        before = " from before" if one.live_day == day else ""
        return f"the release is blocked; {seen}{before}."
    if one.pinned_by is not None:
        reason = f" ({one.pinned_reason})" if one.pinned_reason else ""
        return f"{seen}, which {one.pinned_by} pinned{reason}; `ml-assets unpin {one.subject}` ends it."
    newer = ", a newer day" if one.live_day and one.live_day > day else ""
    gone = "; this release is retired already" if one.state == "retired" else ""
    return f"{seen}{newer}{gone}."
