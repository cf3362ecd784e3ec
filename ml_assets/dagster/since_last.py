"""A micro-batch: lists of those who bought something since the live release was made, or whose items went away.

The order of the steps belongs here, the same for the job `since_last` and for `ml-assets run --since-last`. Days that
are not over are read and not kept: the lake, the books of days and freshness are left to the daily run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Literal

import polars as pl

from ml_assets.books.erased import without_erased
from ml_assets.books.models import RegisteredModel, of_version
from ml_assets.dagster.assets.predictions import versions_of
from ml_assets.dagster.assets.raw import QUARANTINE_LIMIT
from ml_assets.dagster.assets.releases import best_sellers_of
from ml_assets.dagster.database import ServingDatabase
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.events.load import LoadedDays, load_days, refused_share
from ml_assets.features.interactions import build_interactions
from ml_assets.features.load import load_interactions
from ml_assets.features.newer import changed, fingerprints, with_newer
from ml_assets.lake import Lake
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.recommenders.catalogue import unavailable_items
from ml_assets.models.training import artifact_fault, artifact_folder
from ml_assets.progress import Report, Stage, part_of, silent
from ml_assets.releases.rescore import SUBJECT, Rescored, Rescoring, show_rescored
from ml_assets.releases.rescored import LiveLists, customers_shown, known_customers, live_lists
from ml_assets.settings.shop import Settings
from ml_assets.sources.base import EventSource

State = Literal["shown", "nothing_new", "not_made", "refused"]


@dataclass(frozen=True)
class SinceLast:
    """What became of a micro-batch."""

    state: State
    """not_made: nothing may be made anew now, for instance because the release is pinned."""
    words: str
    """One sentence or two, for people."""
    customers: int = 0
    """Whose lists were made anew."""
    lists: int = 0
    events: int = 0
    """That the release does not know."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """For scripts and metadata."""


@dataclass(frozen=True)
class _Newer:
    """What happened after the day of the release."""

    purchases: pl.DataFrame
    """Interactions of the newer days alone."""
    events: int
    as_of: date
    """The newest day with an event; that of the release where there is none."""
    until: datetime | None
    """The time of the newest event."""


class Rescorer:
    """Makes lists of one shop anew."""

    def __init__(
        self, settings: Settings, source: EventSource, lake: Lake, serving: ServingDatabase, report: Report = silent
    ) -> None:
        self._settings, self._source, self._lake, self._serving = settings, source, lake, serving
        self._report = report

    def run(self, *, run_id: str | None = None) -> SinceLast:
        """Do one micro-batch. Raises `UserError` where nothing was ever published, or a model is missing."""
        began = datetime.now(UTC)
        with self._serving.connect() as connection:
            live = self._live(connection)
            registered = self._registered(connection, live)
            if stays := _stays(live, registered):
                return stays
            models = self._models(live, registered)
            self._report(Stage("reading what is newer", 0.0))
            newer = self._newer(connection, live.day)
            if isinstance(newer, SinceLast):
                return newer
            self._report(Stage("finding whose lists are to be made anew", 0.05))
            catalogue = self._source.read_items()
            known = fingerprints(newer.purchases)
            wanted = changed(known, known_customers(connection, live.release_id))
            gone = customers_shown(connection, live, self._gone(catalogue))
            customers = pl.concat([wanted, gone.cast(wanted.dtype)]).unique().sort()
            if customers.is_empty():
                return self._nothing(live, newer)
            made = Rescored(
                live.release_id,
                customers,
                self._lists(models, live, newer, catalogue, customers),
                known.filter(pl.col("customer_id").is_in(customers.implode())),
                began_at=began,
                events_from=live.day + timedelta(days=1),
                events_until=newer.until,
                events=newer.events,
                model_version=live.model_version,
                run_id=run_id,
                items=self._other_items(catalogue),
                best_sellers=best_sellers_of(registered),
                gates=self._settings.serving.gates,
            )
            self._report(Stage("showing the lists", 0.9))
            done = show_rescored(connection, made)
        return self._told(newer, made, live.day, done)

    def _live(self, connection: ServingConnection) -> LiveLists:
        live = live_lists(connection)
        if live is None:
            raise UserError(
                "Nothing of recommendations is live yet, so no list of it can be made anew.",
                "Run `ml-assets run` first.",
                code="release.refused",
            )
        return live

    def _models(self, live: LiveLists, registered: Mapping[str, RegisteredModel]) -> dict[str, RecommenderModel]:
        """The models that made the live release, by placement."""
        loaded: dict[str, RecommenderModel] = {}
        for model in registered.values():
            if model.version not in loaded:
                if fault := artifact_fault(self._lake, model.artifact, model.checksum):
                    raise UserError(
                        f"The lists of {live.day} cannot be made anew: {fault}",
                        f"`ml-assets run --date {live.day}` trains what is missing and makes all lists.",
                        code="model.missing",
                    )
                loaded[model.version] = RecommenderModel.load(
                    artifact_folder(self._lake, model.artifact), model.checksum
                )
        made = {placement: loaded[model.version] for placement, model in registered.items()}
        return {placement: model for placement, model in made.items() if placement in model.methods}

    def _registered(self, connection: ServingConnection, live: LiveLists) -> dict[str, RegisteredModel]:
        named = versions_of(live.model_version, self._settings.recommender.enabled_placements)
        found = {
            placement: of_version(connection, "recommender", version, placement) for placement, version in named.items()
        }
        return {placement: model for placement, model in found.items() if model is not None}

    def _newer(self, connection: ServingConnection, day: date) -> _Newer | SinceLast:
        last = self._source.days().last
        if last <= day:
            return SinceLast("nothing_new", f"The source has nothing after {day}, the day of the live lists.")
        days = [day + timedelta(days=number) for number in range(1, (last - day).days + 1)]
        rules = self._settings.events
        loaded = load_days(self._source, days, rules, partial(without_erased, connection))
        if wrong := _too_many_refused(loaded):
            return SinceLast("refused", f"{wrong} The lists of {day} stay as they are.")
        lines = pl.concat([loaded.valid(one) for one in days], how="diagonal")
        plan = build_interactions(
            lines.lazy(), as_of=last, lookback_days=self._settings.lookback_days, weights=rules.weights
        )
        newest: Any = lines["occurred_at"].max()
        seen: Any = lines["day"].max()
        return _Newer(plan.collect(), lines.height, seen or day, newest)

    def _gone(self, catalogue: pl.DataFrame) -> pl.Series:
        """Items that could be had when the catalogue was read last, and cannot now."""
        now = unavailable_items(catalogue)
        if now.is_empty() or not self._lake.exists("items"):
            return now
        before = unavailable_items(self._lake.read("items"))
        return now.filter(~now.is_in(before.implode()))

    def _other_items(self, catalogue: pl.DataFrame) -> pl.DataFrame | None:
        """Items that are named otherwise than when the catalogue was read last."""
        if not self._lake.exists("items"):
            return catalogue
        before = self._lake.read("items")
        named = [name for name in ("item_id", "item_name", "category", "brand") if name in catalogue.columns]
        if not set(named) <= set(before.columns):
            return catalogue
        return catalogue.join(before.select(named), on=named, how="anti", nulls_equal=True)

    def _lists(
        self,
        models: Mapping[str, RecommenderModel],
        live: LiveLists,
        newer: _Newer,
        catalogue: pl.DataFrame,
        customers: pl.Series,
    ) -> pl.DataFrame:
        """What a whole run as of the newest day with an event gives for these customers."""
        self._report(Stage("reading the purchases of before", 0.1))
        stored = load_interactions(self._lake, as_of=live.day, settings=self._settings)
        lookback = self._settings.lookback_days
        interactions = with_newer(stored, newer.purchases, as_of=newer.as_of, lookback_days=lookback)
        return recommend(
            models,
            interactions,
            catalogue,
            as_of=newer.as_of,
            settings=self._settings.recommender,
            customers=customers,
            exploration=self._settings.experiments.exploration,
            report=part_of(self._report, 0.2, 0.9),
        ).lists

    def _nothing(self, live: LiveLists, newer: _Newer) -> SinceLast:
        if newer.until is None:
            words = f"No event after {live.day} can be used"
        else:
            words = f"Nothing new: the live lists know all {newer.events:,} events after {live.day}"
        return SinceLast("nothing_new", f"{words}; nothing was changed.", events=newer.events)

    def _told(self, newer: _Newer, made: Rescored, day: date, done: Rescoring) -> SinceLast:
        count = len(made.customers)
        facts = {
            "release_id": made.release_id,
            "data_as_of": day,
            "events_from": made.events_from,
            "events_until": made.events_until,
            "model_version": made.model_version,
        }
        if done.state == "moved":
            words = "Another release went live, or was pinned, while lists were made anew; they were not needed."
            return SinceLast("not_made", words, facts=facts)
        if done.state == "refused":
            words = f"The lists of {count:,} customers were refused, and stay as they were: {done.reason}"
            return SinceLast("refused", words, customers=count, events=newer.events, facts=facts)
        until = newer.until.astimezone(self._settings.tz).strftime("%Y-%m-%d %H:%M") if newer.until else f"{day}"
        words = f"{count:,} customers have new lists, which know {newer.events:,} events after {day}, until {until}."
        return SinceLast("shown", words, count, done.lists, newer.events, facts)


def _stays(live: LiveLists, registered: Mapping[str, RegisteredModel]) -> SinceLast | None:
    """Why lists of the live release are not to be made anew; None where they may be."""
    if live.pinned_by is not None:
        words = f"{SUBJECT} is pinned by {live.pinned_by} ({live.pinned_reason}), so its lists stay as they are."
        return SinceLast("not_made", f"{words} `ml-assets unpin {SUBJECT}` ends that.")
    if not registered:
        words = f"The live lists of {live.day} were made elsewhere ({live.model_version}) and stay as they are."
        return SinceLast("not_made", words)
    return None


def _too_many_refused(loaded: LoadedDays) -> str | None:
    """As the check `quarantine_is_small` of a whole day."""
    share = refused_share(loaded.facts.values())
    if share <= QUARANTINE_LIMIT:
        return None
    read = sum(facts.read for facts in loaded.facts.values())
    return f"{share:.1%} of the {read:,} newer lines break the event contract, over {QUARANTINE_LIMIT:.0%}."
