"""Model assets: one recommender and one segmentation a week, registered with their cards.

Training is in `ml_assets.models.training`; which model scores is the registry's answer.
"""

from datetime import date

import dagster as dg

from ml_assets.assets.figures import evaluation_metadata
from ml_assets.assets.shop import Shop
from ml_assets.lake import Lake
from ml_assets.models.training import TrainedModel, train_recommender_week, train_segmentation_week
from ml_assets.resources.serving import ServingDatabase
from ml_assets.serving.registry import register


def build_model_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """recommender_model and segmentation_model (weekly)."""
    settings = shop.settings

    @dg.asset(
        key_prefix=shop.prefix,
        deps=[_last_week(shop, "interactions"), shop.key("items")],
        partitions_def=shop.calendar.weekly,
        group_name="models",
        kinds={"numba", "numpy"},
        owners=shop.owners,
    )
    def recommender_model(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads this annotation and knows the bare class only
        """The recommender of the week, trained on events before its Monday."""
        trained = train_recommender_week(lake, settings, week=date.fromisoformat(context.partition_key))
        return _registered(context, trained, serving)

    @dg.asset(
        key_prefix=shop.prefix,
        deps=[_last_week(shop, "customer_features")],
        partitions_def=shop.calendar.weekly,
        group_name="models",
        kinds={"scikitlearn"},
        owners=shop.owners,
    )
    def segmentation_model(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads this annotation and knows the bare class only
        """The customer segmentation of the week, trained on features as of the Sunday before."""
        trained = train_segmentation_week(lake, settings, week=date.fromisoformat(context.partition_key))
        return _registered(context, trained, serving)

    return [recommender_model, segmentation_model]


def _last_week(shop: Shop, name: str) -> dg.AssetDep:
    return dg.AssetDep(shop.key(name), partition_mapping=shop.calendar.week_before)


def _registered(
    context: dg.AssetExecutionContext, trained: TrainedModel, serving: ServingDatabase
) -> dg.MaterializeResult[None]:
    card = trained.card
    with serving.connect() as connection:
        register(
            connection,
            kind=card.name,
            version=card.version,
            trained_through=card.trained_through,
            data_fingerprint=card.data_fingerprint,
            parameters=card.parameters,
            metrics=card.metrics,
            card=card.model_dump(mode="json"),
            artifact=trained.artifact,
            checksum=trained.checksum,
            decision="promoted",
            reason="Promoted as the model of its week.",
            run_id=context.run.run_id,
        )
    return dg.MaterializeResult(
        metadata={
            **evaluation_metadata(trained.evaluation),
            "model_version": card.version,
            "trained_through": card.trained_through.isoformat(),
            "rows": card.rows,
            "customers": card.customers,
            "items": card.items,
            "duration_seconds": card.duration_seconds,
            "data_fingerprint": card.data_fingerprint,
            "artifact": dg.MetadataValue.path(trained.artifact),
            # One number each, so that Dagster draws them over the weeks; the yardstick is in the table.
            **{name: dg.MetadataValue.float(value) for name, value in card.metrics.items() if "popularity" not in name},
            "parameters": dg.MetadataValue.json(card.parameters),
            "libraries": dg.MetadataValue.json(card.libraries),
        },
        data_version=dg.DataVersion(card.version),
    )
