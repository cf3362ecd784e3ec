"""The events around a day for commands that look at the past: from the lake, or from the source where it has not all.

Only finding them belongs here; judging does not.
"""

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl

from ml_assets.books.erased import without_erased
from ml_assets.cli.inputs.known_shop import where_known
from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings


def events_around(settings: Settings, cutoff: date, horizon: int) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Events from the look-back before the oldest window to the end of the horizon, and the catalogue.

    From the lake where it holds all of these days, otherwise from the source through the same event contract.
    Raises `UserError` where the cut-off or the horizon leaves the data.
    """
    from ml_assets.sources.build import build_source  # noqa: PLC0415

    source = build_source(settings)
    covered = source.days()
    start = settings.start_date or source.first_day()
    last = cutoff + timedelta(days=horizon - 1)
    if not start < cutoff <= covered.last:
        raise UserError(
            f"--cutoff {cutoff} is outside the data, which covers {start} to {covered.last}.",
            "Choose a day with events before and after it.",
            code="day.out_of_range",
        )
    if last > covered.last:
        raise UserError(
            f"--horizon {horizon} ends on {last}, but the data ends on {covered.last}.",
            f"Use at most {(covered.last - cutoff).days + 1} days, or an earlier --cutoff.",
            code="day.out_of_range",
        )
    return _between(settings, _first(settings, start, cutoff), last)


def events_until(settings: Settings, through: date | None) -> tuple[pl.LazyFrame, pl.DataFrame, date]:
    """Events up to and including a day (None: the newest of the source), the catalogue, and that day."""
    from ml_assets.sources.build import build_source  # noqa: PLC0415

    source = build_source(settings)
    covered = source.days()
    start = settings.start_date or source.first_day()
    last = through or covered.last
    if not start <= last <= covered.last:
        raise UserError(
            f"--through {last} is outside the data, which covers {start} to {covered.last}.",
            "Choose a day inside the data.",
            code="day.out_of_range",
        )
    return *_between(settings, _first(settings, start, last), last), last


def _first(settings: Settings, start: date, before: date) -> date:
    """The look-back of the oldest window that a study may judge or learn from."""
    windows = settings.recommender.selection.windows + 3
    oldest = before - timedelta(days=windows * max(settings.recommender.evaluation_days) + settings.lookback_days)
    return max(start, oldest)


def _between(settings: Settings, first: date, last: date) -> tuple[pl.LazyFrame, pl.DataFrame]:
    from ml_assets.events.load import load_days, missing_ranges  # noqa: PLC0415
    from ml_assets.lake import Lake  # noqa: PLC0415
    from ml_assets.sources.build import build_source  # noqa: PLC0415

    lake = Lake.of(settings)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    present = lake.days_between("transactions", first, last)
    if lake.exists("items") and not missing_ranges(days, {date.fromisoformat(day) for day in present}):
        return lake.scan("transactions", present), lake.read("items")
    source = build_source(settings)
    loaded = load_days(source, days, settings.events, _admitted(settings))
    return pl.concat(lines.valid for lines in loaded.values()).lazy(), source.read_items()


def _admitted(settings: Settings) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """What keeps erased customers out, whatever the source still holds."""

    def admit(lines: pl.DataFrame) -> pl.DataFrame:
        with where_known(settings, "erased_customers", "erased_at") as connection:
            return lines if connection is None else without_erased(connection, lines)

    return admit
