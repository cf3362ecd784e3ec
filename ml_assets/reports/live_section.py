"""What the lists were worth while they were live, beside what the backtest promised, in words and as a drawing."""

from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from ml_assets.books.live_quality import LiveDay, live_days
from ml_assets.database.connection import ServingConnection
from ml_assets.reports.charts import lines
from ml_assets.reports.examples import WORDS
from ml_assets.reports.rows import rows_of

DAYS = 90


@dataclass(frozen=True)
class LiveList:
    """One list, by its newest judged day."""

    name: str
    newest: LiveDay
    verdict: str
    """Whether the promise is kept, in a few words."""
    chart: Markup | None
    """None with a single day."""
    first_place: float | None
    """Share of what stood first that was bought."""
    last_place: float | None
    """The same of the tenth place."""

    @property
    def words(self) -> str:
        """How many of a hundred found something, in a sentence."""
        one = self.newest
        if one.hit_rate is None:
            return f"Nobody bought anything in the {one.horizon} days from {one.day:%d %B %Y} on."
        said = (
            f"Of every 100 customers who bought in the {one.horizon} days from {one.day:%d %B %Y} on, "
            f"{one.hit_rate * 100:.0f} bought one of the first ten items of this list"
        )
        if one.promised_hit_rate is None:
            return f"{said}; there is no backtest to hold that against."
        return f"{said}; the backtest promised {one.promised_hit_rate * 100:.0f}."


def live_section(connection: ServingConnection, day: date) -> list[LiveList]:
    """The lists that were judged in the weeks until a day; none where no list is old enough."""
    days = [one for one in live_days(connection, day - timedelta(days=DAYS)) if one.day <= day]
    names = [name for name in WORDS if any(one.placement == name for one in days)]
    return [_list(connection, name, [one for one in days if one.placement == name]) for name in names]


def _list(connection: ServingConnection, placement: str, days: list[LiveDay]) -> LiveList:
    newest = days[-1]
    places = rows_of(
        connection,
        "SELECT place, share_bought FROM {ml}.live_calibration "
        "WHERE day = %(day)s AND placement = %(placement)s AND kind = 'rank'",
        day=newest.day,
        placement=placement,
    )
    shares = {row["place"]: row["share_bought"] for row in places}
    return LiveList(WORDS[placement], newest, _verdict(newest), _chart(placement, days), shares.get(1), shares.get(10))


def _verdict(one: LiveDay) -> str:
    if not one.was_live:
        return "made later, seen by nobody"
    if one.is_below is None:
        return "nothing to compare with"
    return "below the promise" if one.is_below else "as promised"


def _chart(placement: str, days: list[LiveDay]) -> Markup | None:
    if len(days) < 2:
        return None
    series = {
        "live": [None if one.hit_rate is None else one.hit_rate * 100 for one in days],
        "promised": [None if one.promised_hit_rate is None else one.promised_hit_rate * 100 for one in days],
        "at least": [None if one.least_hit_rate is None else one.least_hit_rate * 100 for one in days],
    }
    title = f"{WORDS[placement]}: share of the buyers who bought something of their list, by day, beside the promise"
    colours = {"live": "var(--c0)", "promised": "var(--c7)", "at least": "var(--c1)"}
    return lines([one.day for one in days], series, title=title, unit=" %", colours=colours)
