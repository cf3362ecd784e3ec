"""Where lists are ranked, as a Dagster resource: here, or on a Spark session that lives as long as the run.

The session is opened when the first step asks for it. Ranking is in `models/ranking` and `spark/`.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import dagster as dg
import polars as pl

from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.prepared import Prepared, Recommended
from ml_assets.models.ranking.recommend import recommend
from ml_assets.progress import Report, Stage, silent
from ml_assets.settings.compute import ComputeSettings
from ml_assets.settings.experiments import ExplorationSettings
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets.spark.ranking import recommend_on_spark
from ml_assets.spark.session import Session, open_session


class Compute:
    """Ranks where the settings say."""

    def __init__(self, settings: ComputeSettings) -> None:
        self._settings = settings
        self._session: Session | None = None

    def recommend(
        self,
        models: Mapping[str, RecommenderModel],
        interactions: pl.DataFrame,
        items: pl.DataFrame,
        *,
        as_of: date,
        settings: RecommenderSettings,
        exploration: ExplorationSettings | None = None,
        report: Report = silent,
    ) -> Recommended:
        """The lists of all customers; see `recommend` for the arguments, and `open_session` for the errors."""
        if self._settings.kind == "embedded":
            return recommend(
                models, interactions, items, as_of=as_of, settings=settings, exploration=exploration, report=report
            )
        if self._session is None:
            report(Stage(f"opening a Spark session at {self._settings.master}", 0.0))
            self._session = open_session(self._settings)
        day = Prepared.of(models, interactions, items, as_of=as_of, settings=settings, exploration=exploration)
        return recommend_on_spark(self._session, self._settings, day, report)

    def close(self) -> None:
        """End the session, where one was opened; Spark takes its executors back."""
        if self._session is not None:
            self._session.stop()
            self._session = None


def build_compute(settings: ComputeSettings) -> dg.ResourceDefinition:
    """The resource `compute`."""

    @dg.resource(description="Where lists are ranked: in this process, or on Apache Spark.")
    def compute(_: dg.InitResourceContext) -> Iterator[Compute]:
        opened = Compute(settings)
        try:
            yield opened
        finally:
            opened.close()

    return compute
