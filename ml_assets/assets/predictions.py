"""Prediction assets: what the champions of the day say, as frames in the lake.

Scoring is done by `ml_assets.models`; publishing by `assets/releases.py`.
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import polars as pl
from upath import UPath

from ml_assets.assets.figures import segment_metadata
from ml_assets.assets.shop import Shop
from ml_assets.automation.partitions import week_of
from ml_assets.errors import UserError
from ml_assets.lake import Lake
from ml_assets.models.recommenders.model import RecommenderModel
from ml_assets.models.recommenders.recommend import recommend
from ml_assets.models.recommenders.related import popular_items as rank_popular_items
from ml_assets.models.recommenders.related import similar_items as rank_similar_items
from ml_assets.models.segmentation.model import SegmentationModel, assign
from ml_assets.models.training import artifact_folder
from ml_assets.resources.serving import ServingDatabase
from ml_assets.serving.registry import champion


def build_prediction_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """recommendations, segment_assignments, segments, similar_items and popular_items (daily)."""
    settings = shop.settings
    rules = settings.recommender
    today = {"interactions": dg.AssetIn(key=shop.key("interactions")), "items": dg.AssetIn(key=shop.key("items"))}
    recommender = dg.AssetDep(shop.key("recommender_model"))

    @dg.asset(
        key_prefix=shop.prefix,
        partitions_def=shop.calendar.daily,
        group_name="predictions",
        owners=shop.owners,
        ins=today,
        deps=[recommender],
        kinds={"numba", "polars"},
    )
    def recommendations(
        context: dg.AssetExecutionContext,
        interactions: pl.LazyFrame,
        items: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> pl.DataFrame:
        """Ranked items per customer and placement, with scores, sources and reasons."""
        day = date.fromisoformat(context.partition_key)
        model = RecommenderModel.load(*_champion(lake, serving, "recommender", day))
        lists = recommend(model, interactions.collect(), items.collect(), as_of=day, settings=rules)
        context.add_output_metadata({"model_version": model.card.version, **_list_facts(lists)})
        return lists.with_columns(model_version=pl.lit(model.card.version))

    @dg.asset(
        key_prefix=shop.prefix,
        partitions_def=shop.calendar.daily,
        group_name="predictions",
        owners=shop.owners,
        ins={"items": today["items"]},
        deps=[recommender],
        kinds={"numba", "polars"},
    )
    def similar_items(
        context: dg.AssetExecutionContext,
        items: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> pl.DataFrame:
        """For every item of the model, the items bought by the same customers."""
        day = date.fromisoformat(context.partition_key)
        model = RecommenderModel.load(*_champion(lake, serving, "recommender", day))
        context.add_output_metadata({"model_version": model.card.version})
        ranked = rank_similar_items(model, items.collect(), k=rules.stored, exclude_categories=rules.exclude_categories)
        return ranked.with_columns(model_version=pl.lit(model.card.version))

    @dg.asset(
        key_prefix=shop.prefix,
        partitions_def=shop.calendar.daily,
        group_name="predictions",
        owners=shop.owners,
        ins=today,
        kinds={"polars"},
    )
    def popular_items(
        context: dg.AssetExecutionContext, interactions: pl.LazyFrame, items: pl.LazyFrame
    ) -> pl.DataFrame:
        """Best sellers of the last weeks, overall and per category."""
        return rank_popular_items(
            interactions.collect(),
            items.collect(),
            as_of=date.fromisoformat(context.partition_key),
            days=rules.popularity_days,
            k=rules.stored,
            exclude_categories=rules.exclude_categories,
        ).with_columns(model_version=pl.lit(f"popularity-{rules.popularity_days}d"))

    @dg.multi_asset(
        name="segmentation",
        outs={
            "segment_assignments": shop.out(
                "segment_assignments",
                "The segment of every customer.",
                group="predictions",
                kinds={"scikitlearn", "polars"},
            ),
            "segments": shop.out(
                "segments", "Size and profile of every segment.", group="predictions", kinds={"polars"}
            ),
        },
        partitions_def=shop.calendar.daily,
        ins={"customer_features": dg.AssetIn(key=shop.key("customer_features"))},
        deps=[dg.AssetDep(shop.key("segmentation_model"))],
    )
    def segmentation(
        context: dg.AssetExecutionContext,
        customer_features: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> Iterator[dg.Output[pl.DataFrame]]:
        day = date.fromisoformat(context.partition_key)
        model = SegmentationModel.load(*_champion(lake, serving, "segmentation", day))
        version = pl.lit(model.card.version).alias("model_version")
        assignments, segments = assign(model, customer_features.collect())
        yield dg.Output(
            assignments.with_columns(version),
            "segment_assignments",
            metadata={"model_version": model.card.version},
        )
        yield dg.Output(segments, "segments", metadata=segment_metadata(segments))

    return [recommendations, similar_items, popular_items, segmentation]


def _champion(lake: Lake, serving: ServingDatabase, kind: str, day: date) -> tuple[UPath, str]:
    """Folder and checksum of the artifact of the model that scores a day."""
    with serving.connect() as connection:
        model = champion(connection, kind, before=day)
    if model is None:
        week = week_of(day)
        raise UserError(
            f"No {kind} model was trained on data before {day}.",
            f"Materialize {kind}_model for the week {week}, or run `ml-assets run --date {day}`.",
        )
    return artifact_folder(lake, model.artifact), model.checksum


def _list_facts(lists: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """Sizes, and which tier filled the lists."""
    sources = lists.select("placement", pl.col("sources").alias("source")).explode("source")
    shares = sources.group_by("placement", "source").len().sort("placement", "len", descending=[False, True])
    return {
        "customers": dg.MetadataValue.int(lists["customer_id"].n_unique()),
        "sources": dg.MetadataValue.table([dg.TableRecord(row) for row in shares.iter_rows(named=True)])
        if shares.height
        else dg.MetadataValue.text("no lists"),
    }
