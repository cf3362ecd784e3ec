"""Late and corrected days in `ml-assets run`: what the sensor `source_changes` asks Dagster for is done here, at once.

A shop without Dagster's daemon gets the same by this. What follows from a look is decided in `events/arrivals.py`; how
a job is run belongs to `runner.py`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from ml_assets.books.source_days import mark_rebuilt, restatements
from ml_assets.dagster.automation.jobs import built_again
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.failures import Problem
from ml_assets.dagster.runs import range_tags
from ml_assets.dagster.shop import Shop
from ml_assets.dagster.source_look import Window, days_in, look_at_source, rebuild_after, window_before
from ml_assets.errors import UserError
from ml_assets.events.arrivals import Change, Plan, Rebuild, ranges_of
from ml_assets.events.source_scan import contents_of
from ml_assets.lake import Lake
from ml_assets.sources.base import EventSource


class Execute(Protocol):
    """Running a job in this process."""

    def __call__(
        self,
        job: str,
        title: str,
        *,
        partition_key: str | None = None,
        tags: dict[str, str] | None = None,
        assets: Sequence[str] | None = None,
    ) -> list[Problem]:
        """The failed checks; raises `UserError` where a step failed."""


@dataclass(frozen=True)
class Noticed:
    """A day that came late, was corrected or was lost, and what is built again because of it."""

    change: Change
    rebuild: Rebuild
    is_scored: bool
    """Whether the day itself is scored in this run."""
    is_lost: bool

    @property
    def words(self) -> str:
        """One sentence."""
        if self.is_lost:
            return f"{self.change.words}; nothing came after it, so what was loaded stays"
        count = len(self.rebuild.features)
        does = ["scoring it again"] if self.is_scored else []
        does += [f"rebuilding the features of {count} {'day' if count == 1 else 'days'}"] if count else []
        does += [f"scoring {self.rebuild.newest} again"] if self.rebuild.newest else []
        return f"{self.change.words}; {' and '.join(does) or 'nothing was built from it yet'}"

    def facts(self) -> dict[str, object]:
        """For scripts; features and lists of days that are scored in this run are not counted."""
        before = self.change.before
        return {
            "day": self.change.day,
            "lines_before": before.rows if before else 0,
            "lines_now": self.change.now.rows,
            "kept": self.is_lost,
            "features_rebuilt": len(self.rebuild.features),
            "scored_again": self.rebuild.newest,
        }


class CatchUp:
    """One look at the source in a run of some days, and what follows from it."""

    def __init__(
        self,
        shop: Shop,
        source: EventSource,
        lake: Lake,
        serving: ServingDatabase,
        execute: Execute,
        *,
        wanted: Collection[date],
    ) -> None:
        self._shop = shop
        self._source = source
        self._lake = lake
        self._serving = serving
        self._execute = execute
        self._wanted = wanted
        self._windows = _windows(shop, wanted)

    def notice(self) -> list[Noticed]:
        """The days that are not as they were loaded, oldest first; none before the first load."""
        loaded = days_in(self._lake, "transactions")
        if not loaded:
            return []
        with self._serving.connect() as connection:
            # Nothing is remembered from one command to the next, so that every look is a whole one.
            looks = [
                look_at_source(
                    self._shop,
                    self._lake,
                    connection,
                    self._source,
                    seen=contents_of(self._source, *window),
                    window=window,
                )
                for window in self._windows
            ]
        return [one for plan in looks for one in self._noticed(plan, newest_loaded=max(loaded))]

    def left_over(self) -> list[date]:
        """The days of the ledger after which a run before did not build everything again."""
        with self._serving.connect() as connection:
            return sorted({entry.day for entry in restatements(connection, only_pending=True)})

    def load(self, noticed: Iterable[Noticed]) -> list[Problem]:
        """Load them; returns what failed: a broken correction of an old day is no reason to publish nothing.

        Days that are scored are loaded by their scoring.
        """
        days = [one.change.day for one in noticed if not one.is_scored and not one.is_lost]
        failed: list[Problem] = []
        for first, last in ranges_of(days):
            problems = self._load(first, last)
            if problems and first != last:
                # One day that is broken does not keep the others away.
                problems = [problem for day in days if first <= day <= last for problem in self._load(day, day)]
            failed += problems
        return failed

    def rebuild(self) -> list[Problem]:
        """Build again what depends on days of the ledger and was not built since; returns what failed.

        What crashes, or is killed, stays due.
        """
        with self._serving.connect() as connection:
            pending = restatements(connection, only_pending=True)
        if not pending:
            return []
        due = self._rebuild_after({entry.day for entry in pending})
        features = built_again(self._shop)
        steps: list[tuple[date, str, Sequence[str] | None]] = [
            *((day, f"scoring {day} again", None) for day in [due.newest] if day),
            *((day, f"rebuilding the features of {day}", features) for day in due.features),
        ]
        tried = [self._try("rebuild", title, partition_key=f"{day}", assets=assets) for day, title, assets in steps]
        if all(is_whole for _, is_whole in tried):
            with self._serving.connect() as connection:
                mark_rebuilt(connection, max(entry.restatement_id for entry in pending))
        return [problem for problems, _ in tried for problem in problems]

    def _load(self, first: date, last: date) -> list[Problem]:
        title = f"loading {first}" if first == last else f"loading {first} to {last}"
        return self._try("load_days", title, tags=range_tags(first, last))[0]

    def _try(self, job: str, title: str, **how: Any) -> tuple[list[Problem], bool]:
        """What failed of a job, and whether it was done to its end: a release that is blocked is."""
        try:
            return self._execute(job, title, **how), True
        except UserError as error:
            return [Problem(f"{title}: {error.problem}")], False

    def _noticed(self, plan: Plan, *, newest_loaded: date) -> list[Noticed]:
        late = [one for one in plan.missing if one.day < newest_loaded]
        lost = {one.day for one in plan.lost}
        found = sorted([*late, *plan.corrected, *plan.lost], key=lambda one: one.day)
        return [Noticed(one, self._rebuild_after([one.day]), one.day in self._wanted, one.day in lost) for one in found]

    def _rebuild_after(self, changed: Iterable[date]) -> Rebuild:
        return rebuild_after(self._shop, self._lake, changed, self._windows, scored=self._wanted)


def _windows(shop: Shop, wanted: Collection[date]) -> list[Window]:
    """The days that the sensor would look at, and those before the days asked for; together where they meet."""
    last = shop.calendar.last_day
    windows = [window_before(shop, min(wanted), max(wanted))]
    if last is None:
        return windows
    newest = window_before(shop, last, last)
    if newest[0] <= windows[0][1]:
        return [(min(newest[0], windows[0][0]), max(newest[1], windows[0][1]))]
    return [*windows, newest]
