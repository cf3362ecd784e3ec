"""Model assets: the backtest that chooses, and the models of a week, registered with their cards.

Training is in `ml_assets.models.training`, the rule of promotion in `ml_assets.models.selection`; which model scores is
the registry's answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import dagster as dg
import polars as pl

from ml_assets.books.models import RegisteredModel, champion, list_models, register, trained_on
from ml_assets.dagster.assets.champions import segmentation_of
from ml_assets.dagster.assets.figures import backtest_metadata, decision_metadata, soundness_metadata, value_metadata
from ml_assets.dagster.assets.promotions import PROMOTED, all_promoted, segmentation_promoted
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.failures import final_failures
from ml_assets.dagster.progress import told
from ml_assets.dagster.shop import Shop
from ml_assets.errors import PassingError
from ml_assets.features.load import days_left_out
from ml_assets.lake import Lake
from ml_assets.live.trials import known_trials
from ml_assets.models.metrics.card_metrics import PROMISED
from ml_assets.models.segmentation.model import SegmentationModel
from ml_assets.models.selection.decisions import PlacementDecision, champion_recipes, decide_placements
from ml_assets.models.selection.promotion import Decision, decide_segmentation, decide_value
from ml_assets.models.training import (
    TrainedModel,
    artifact_fault,
    artifact_folder,
    train_recommender_week,
    train_segmentation_week,
    train_value_week,
)
from ml_assets.models.value.contest import Winners
from ml_assets.sources.base import EventSource

BACKTEST = "Every method on the shop's own past: rolling windows, full catalogue, with intervals."
MODEL = "The recommender of the week, chosen and trained on events before its Monday."


def build_model_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """recommender_backtest, recommender_model, segmentation_model and customer_value_model (weekly), as far as made."""
    build = {
        "recommender_model": _recommender,
        "segmentation_model": _segmentation_model,
        "customer_value_model": _customer_value_model,
    }
    return [build[name](shop) for name in build if name in shop.settings.subjects]


def _recommender(shop: Shop) -> dg.AssetsDefinition:
    settings = shop.settings
    kinds = {"numba", "lightgbm"}

    @dg.multi_asset(
        name="recommender",
        outs={
            "recommender_backtest": shop.out("recommender_backtest", BACKTEST, group="models", kinds=kinds),
            "recommender_model": shop.out("recommender_model", MODEL, group="models", kinds=kinds, stored=False),
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
        champions = _champions(serving, settings.recommender.enabled_placements, week)
        with serving.connect() as connection:
            trials = known_trials(connection, settings, week)
        trained = train_recommender_week(
            lake, settings, week=week, champions=champion_recipes(champions), trials=trials, report=told(context)
        )
        study = trained.study
        yield dg.Output(study.measures.table(), "recommender_backtest", metadata=backtest_metadata(study))
        decisions = decide_placements(study, champions, settings.recommender, trained.trials.kept)
        # What is on trial first: the champion of the week is the newest.
        tried = trained.trials.tried.values()
        if trained.challengers:
            _register(
                serving, trained.challengers, [_row(trained.challengers, context, one, "on_trial") for one in tried]
            )
        rows = [_row(trained, context, one) for one in decisions]
        _register(serving, trained, rows)
        yield dg.MaterializeResult(
            asset_key=shop.key("recommender_model"),
            metadata={**decision_metadata(decisions, trained.trials.tried), **_facts(trained)},
            data_version=dg.DataVersion(trained.card.version),
        )
        yield all_promoted(shop.key("recommender_model"), decisions)

    return recommender


def _segmentation_model(shop: Shop) -> dg.AssetsDefinition:
    @shop.asset(
        "models",
        {"scikitlearn"},
        deps=[_last_week(shop, "customer_features")],
        check_specs=[
            dg.AssetCheckSpec(
                PROMOTED,
                asset=shop.key("segmentation_model"),
                description="It moves no more customers than a training may; otherwise the live segments go on.",
            )
        ],
        partitions_def=shop.calendar.weekly,
    )
    def segmentation_model(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        source: dg.ResourceParam[EventSource],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads this annotation and knows the bare class only
        """The customer segmentation of the week, trained on features as of the Sunday before."""
        week = date.fromisoformat(context.partition_key)
        _require_every_day(shop, lake, source, week, datetime.now(shop.settings.tz).date())
        live, is_lost = _segmentation_before(lake, serving, week)
        scores = None if is_lost else _segmentation_now(lake, serving, week)
        trained = train_segmentation_week(lake, shop.settings, week=week, live=live, scores=scores)
        judged = trained.card.customers >= shop.settings.serving.gates.judge_from and not is_lost
        most = shop.settings.segmentation.max_moved if judged else 1.0
        decision = decide_segmentation(trained.moved, most=most)
        made = _registered(serving, trained, context, decision, soundness_metadata(trained.card))
        return made._replace(check_results=[segmentation_promoted(trained.card.version, decision)])

    return segmentation_model


def _customer_value_model(shop: Shop) -> dg.AssetsDefinition:
    @shop.asset(
        "models",
        {"lightgbm"},
        deps=[_last_week(shop, "customer_features")],
        partitions_def=shop.calendar.weekly,
    )
    def customer_value_model(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        source: dg.ResourceParam[EventSource],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads this annotation and knows the bare class only
        """What customers will spend in 90 days: the method that was best on the last 90, trained on events before."""
        week = date.fromisoformat(context.partition_key)
        _require_every_day(shop, lake, source, week, datetime.now(shop.settings.tz).date())
        trained = train_value_week(lake, shop.settings, week=week, live=_live_methods(serving, week))
        decision = decide_value(trained.card)
        return _registered(serving, trained, context, decision, value_metadata(trained.card))

    return customer_value_model


def _segmentation_before(lake: Lake, serving: ServingDatabase, week: date) -> tuple[SegmentationModel | None, bool]:
    """The model whose segments that of a week continues, and whether the week's own has to be made again.

    Trained again, a week continues the same model as the first time: weeks before it may have been trained since.
    """
    sunday = week - timedelta(days=1)
    with serving.connect() as connection:
        own = trained_on(connection, "segmentation", sunday)
        found = champion(connection, "segmentation", sunday)
        if own:
            continued = own.parameters.get("continues")
            found = next((one for one in list_models(connection, "segmentation") if one.version == continued), None)
    is_lost = own is not None and artifact_fault(lake, own.artifact, own.checksum) is not None
    if found is None or artifact_fault(lake, found.artifact, found.checksum):
        return None, is_lost
    return SegmentationModel.load(artifact_folder(lake, found.artifact), found.checksum), is_lost


def _segmentation_now(lake: Lake, serving: ServingDatabase, week: date) -> SegmentationModel | None:
    """The model that scores the days of a week until now: perhaps one of the week itself, which somebody accepted."""
    with serving.connect() as connection:
        found = champion(connection, "segmentation", week)
        return segmentation_of(connection, lake, found.version) if found else None


def _live_methods(serving: ServingDatabase, week: date) -> Winners | None:
    """The methods of the customer value model of an earlier week that scores now."""
    with serving.connect() as connection:
        found = champion(connection, "customer_value", week - timedelta(days=1))
    return Winners(found.parameters["spend_method"], found.parameters["alive_method"]) if found else None


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


def _champions(serving: ServingDatabase, placements: Sequence[str], week: date) -> dict[str, RegisteredModel]:
    """The model that scores each placement before a week's is trained, where there is one."""
    with serving.connect() as connection:
        found = {name: champion(connection, "recommender", week, placement=name) for name in placements}
    return {name: model for name, model in found.items() if model}


def _row(
    trained: TrainedModel,
    context: dg.AssetExecutionContext,
    decision: Decision,
    word: Literal["on_trial"] | None = None,
) -> RegisteredModel:
    card = trained.card
    return RegisteredModel(
        kind=card.name,
        version=card.version,
        trained_through=card.trained_through,
        parameters=card.parameters,
        metrics=card.metrics,
        artifact=trained.artifact,
        checksum=trained.checksum,
        run_id=context.op_execution_context.run_id,
        decision=word or ("promoted" if decision.promoted else "refused"),
        reason=decision.reason,
        facts=decision.facts,
        **(
            {"placement": decision.placement, "method": decision.method}
            if isinstance(decision, PlacementDecision)
            else {}
        ),
    )


def _register(serving: ServingDatabase, trained: TrainedModel, rows: Sequence[RegisteredModel]) -> None:
    card = trained.card.model_dump(mode="json")
    with serving.connect() as connection:
        for row in rows:
            register(connection, row, card)


def _registered(
    serving: ServingDatabase,
    trained: TrainedModel,
    context: dg.AssetExecutionContext,
    decision: Decision,
    figures: Mapping[str, dg.MetadataValue],
) -> dg.MaterializeResult[None]:
    """A model that fills no list, in the registry, and what is shown of it."""
    _register(serving, trained, [_row(trained, context, decision)])
    return dg.MaterializeResult(
        metadata={"decision": decision.reason, **figures, **_facts(trained)},
        data_version=dg.DataVersion(trained.card.version),
    )


def _facts(trained: TrainedModel) -> dict[str, dg.MetadataValue | str | int | float]:
    card = trained.card
    return {
        "model_version": card.version,
        "trained_through": card.trained_through.isoformat(),
        "data_as_of": card.data_as_of.isoformat() if card.data_as_of else "",
        "rows": card.rows,
        "customers": card.customers,
        "items": card.items,
        "duration_seconds": card.duration_seconds,
        "data_fingerprint": card.data_fingerprint,
        "artifact": dg.MetadataValue.path(trained.artifact),
        # One number each, so that Dagster draws them over the weeks; the yardsticks are in the table.
        **{_short(name): dg.MetadataValue.float(value) for name, value in card.metrics.items() if _is_own(name)},
        "parameters": dg.MetadataValue.json(card.parameters),
        "libraries": dg.MetadataValue.json(card.libraries),
    }


def _is_own(metric: str) -> bool:
    return ("_recommender_" in metric and not metric.endswith(PROMISED)) or metric == "repeat_share"


def _short(metric: str) -> str:
    """Longer names run over the next column of Dagster's page."""
    return metric.replace("_recommender_near_duplicate_share", "_near_duplicates")
