"""How the trials of challengers stand, in words.

What ends one is decided in `experiments/trials.py`, and done in `live/trials.py`.
"""

from dataclasses import dataclass
from datetime import date, datetime

from ml_assets.books.models import champion
from ml_assets.books.trials import KIND, on_trial
from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.register import started_trials
from ml_assets.experiments.report import report
from ml_assets.live.trials import is_of
from ml_assets.methods import METHODS
from ml_assets.settings.made import has_amounts
from ml_assets.settings.shop import Settings

UNSHOWN = "No experiment shows it yet: the run of a day starts one, or its check trials_have_customers says why not."


@dataclass(frozen=True)
class Standing:
    """A trial that has not ended."""

    placement: str
    method: str
    champion: str | None
    """The method that scores; None where none does."""
    since: datetime
    """Since when customers see its lists; before that, when its first model was registered."""
    experiment: str | None
    """What shows it; None while it waits for customers."""
    days: int
    """With outcomes."""
    customers: dict[str, int]
    """Counted, by arm."""
    verdict: str
    """How it stands, in a sentence."""
    ends_at: datetime | None

    @property
    def words(self) -> str:
        """What is on trial, in place of what."""
        scores = METHODS.get(self.champion or "")
        against = f" against {scores.words}" if scores else ""
        return f"{METHODS[self.method].words}{against}, for {self.placement}"


def standings(connection: ServingConnection, settings: Settings) -> list[Standing]:
    """The trials that have not ended, by list."""
    experiments, now = started_trials(connection), one(connection, "SELECT now()")
    found = []
    for trial in on_trial(connection):
        scores = champion(connection, KIND, date.max, trial.placement)
        own = next((each for each in reversed(experiments) if is_of(each, trial)), None)
        said = report(connection, own, amounts=has_amounts(settings)) if own else None
        if own is None or said is None:
            verdict = UNSHOWN
        elif own.state(now) == "waiting":
            verdict = "Its lists are made and published with the next day that is run."
        elif own.state(now) in ("stopped", "ended"):
            verdict = f"Its experiment is over; the next day that is run ends the trial. {said.verdict}"
        else:
            verdict = said.verdict
        found.append(
            Standing(
                trial.placement,
                trial.method,
                scores.method if scores else None,
                (own and own.serving_since) or trial.begun_at,
                own.name if own else None,
                said.days if said else 0,
                said.customers if said else {},
                verdict,
                own.ends_at if own else None,
            )
        )
    return found
