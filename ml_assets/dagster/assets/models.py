"""Model assets: the backtest that chooses, one recommender and one segmentation a week, registered with their cards.

Training is in `ml_assets.models.training`, the rule of promotion in `ml_assets.models.selection`; which model scores is
the registry's answer.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl

from ml_assets.books.models import RegisteredModel, champion, register
from ml_assets.dagster.assets.figures import backtest_metadata, decision_metadata
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.failures import final_failures
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import PassingError
from ml_assets.features.load import days_left_out
from ml_assets.lake import Lake
from ml_assets.models.selection.decisions import SIMILAR_ITEMS, Registered, decide_placements
from ml_assets.models.training import TrainedModel, train_recommender_week, train_segmentation_week
from ml_assets.sources.base import EventSource

PROMOTED = "challengers_are_promoted"


def build_model_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """recommender_backtest, recommender_model and segmentation_model (weekly)."""
    settings = shop.settings
    placements = settings.recommender.enabled_placements

    @dg.multi_asset(
        name="recommender",
        outs={
            "recommender_backtest": shop.out(
                "recommender_backtest",
                "Every method on the shop's own past: rolling windows, full catalogue, with intervals.",
                group="models",
                kinds={"numba", "lightgbm"},
            ),
            "recommender_model": shop.out(
                "recommender_model",
                "The recommender of the week, chosen and trained on events before its Monday.",
                group="models",
                kinds={"numba", "lightgbm"},
                stored=False,
            ),
        },
        deps=[_last_week(shop, "interactions"), shop.key("items")],
        partitions_def=shop.calendar.weekly,
        check_specs=[
            dg.AssetCheckSpec(
                PROMOTED,
                asset=shop.key("recommender_model"),
                blocking=True,
                description="The challenger of every placement is promoted; otherwise the champion goes on scoring.",
            )
        ],
    )
    @final_failures
    def recommender(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        source: dg.ResourceParam[EventSource],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> Iterator[dg.Output[pl.DataFrame] | dg.MaterializeResult[None] | dg.AssetCheckResult]:
        week = date.fromisoformat(context.partition_key)
        _require_every_day(shop, lake, source, week, datetime.now(settings.tz).date())
        with serving.connect() as connection:
            known = {name: champion(connection, "recommender", week, placement=name) for name in placements}
        champions = {
            name: Registered(model.version, model.trained_through, model.parameters)
            for name, model in known.items()
            if model
        }
        recipes = {name: one.recipe(name) for name, one in champions.items()}
        trained = train_recommender_week(
            lake,
            settings,
            week=week,
            champions={name: recipe for name, recipe in recipes.items() if recipe},
            report=context.log.info,
        )
        study = trained.study
        yield dg.Output(study.measures.table(), "recommender_backtest", metadata=backtest_metadata(study))
        decisions = decide_placements(study, champions, settings.recommender.selection)
        with serving.connect() as connection:
            for placement, decision in decisions.items():
                _register(
                    connection,
                    context,
                    trained,
                    decision="promoted" if decision.promoted else "refused",
                    reason=decision.reason,
                    placement=placement,
                    method=study.choices[placement].method if placement in study.choices else SIMILAR_ITEMS,
                    facts=decision.facts,
                )
        yield dg.MaterializeResult(
            asset_key=shop.key("recommender_model"),
            metadata={**decision_metadata(decisions, study), **_facts(trained)},
            data_version=dg.DataVersion(trained.card.version),
        )
        refused = [f"{placement}: {one.reason}" for placement, one in decisions.items() if not one.promoted]
        yield dg.AssetCheckResult(
            check_name=PROMOTED,
            asset_key=shop.key("recommender_model"),
            passed=not refused,
            description=" ".join(refused) or "Every challenger was promoted.",
            metadata={name: one.reason for name, one in decisions.items()},
        )

    @dg.asset(
        key_prefix=shop.prefix,
        deps=[_last_week(shop, "customer_features")],
        partitions_def=shop.calendar.weekly,
        group_name="models",
        kinds={"scikitlearn"},
        owners=shop.owners,
    )
    @final_failures
    def segmentation_model(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        source: dg.ResourceParam[EventSource],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads this annotation and knows the bare class only
        """The customer segmentation of the week, trained on features as of the Sunday before."""
        week = date.fromisoformat(context.partition_key)
        _require_every_day(shop, lake, source, week, datetime.now(settings.tz).date())
        trained = train_segmentation_week(lake, settings, week=week)
        with serving.connect() as connection:
            _register(connection, context, trained, decision="promoted", reason="Promoted as the model of its week.")
        return dg.MaterializeResult(metadata=_facts(trained), data_version=dg.DataVersion(trained.card.version))

    return [recommender, segmentation_model]


def _last_week(shop: Shop, name: str) -> dg.AssetDep:
    return dg.AssetDep(shop.key(name), partition_mapping=shop.calendar.week_before)


def _require_every_day(shop: Shop, lake: Lake, source: EventSource, week: date, today: date) -> None:
    """A model must not claim a Sunday whose days it has not seen; a load of them may be under way."""
    left_out = days_left_out(lake, source, shop.settings, week=week, today=today)
    if left_out:
        raise PassingError(
            f"The models of week {week} cannot be trained through {week - timedelta(days=1)}: the source has days that "
            f"are not in the lake ({', '.join(map(str, left_out))}).",
            "Load them (`ml-assets run` does, and so does the sensor `source_changes`), then train again.",
        )


def _register(
    connection: ServingConnection, context: dg.AssetExecutionContext, trained: TrainedModel, **decided: Any
) -> None:
    card = trained.card
    model = RegisteredModel(
        kind=card.name,
        version=card.version,
        trained_through=card.trained_through,
        parameters=card.parameters,
        metrics=card.metrics,
        artifact=trained.artifact,
        checksum=trained.checksum,
        run_id=context.run.run_id,
        **decided,
    )
    register(connection, model, card.model_dump(mode="json"))


def _facts(trained: TrainedModel) -> dict[str, dg.MetadataValue | str | int | float]:
    card = trained.card
    return {
        "model_version": card.version,
        "trained_through": card.trained_through.isoformat(),
        "rows": card.rows,
        "customers": card.customers,
        "items": card.items,
        "duration_seconds": card.duration_seconds,
        "data_fingerprint": card.data_fingerprint,
        "artifact": dg.MetadataValue.path(trained.artifact),
        # One number each, so that Dagster draws them over the weeks; the yardsticks are in the table.
        **{name: dg.MetadataValue.float(value) for name, value in card.metrics.items() if "_recommender_" in name},
        "parameters": dg.MetadataValue.json(card.parameters),
        "libraries": dg.MetadataValue.json(card.libraries),
    }
