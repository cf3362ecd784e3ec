"""Prediction assets: what the champions of the day say, as frames in the lake.

Scoring is done by `ml_assets.models`; publishing by `releases.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import dagster as dg
import polars as pl
from upath import UPath

from ml_assets.books.models import champion
from ml_assets.dagster.assets.figures import segment_metadata
from ml_assets.dagster.assets.samples import popular_sample, recommendation_samples, similar_sample
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.failures import final_failures
from ml_assets.dagster.partitions import week_of
from ml_assets.dagster.progress import told
from ml_assets.dagster.shop import Shop
from ml_assets.errors import UserError
from ml_assets.lake import Lake
from ml_assets.models.placements import SIMILAR_ITEMS
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.recommend import Recommended, recommend
from ml_assets.models.ranking.related import popular_items as rank_popular_items
from ml_assets.models.ranking.related import similar_items as rank_similar_items
from ml_assets.models.segmentation.model import SegmentationModel, assign
from ml_assets.models.segmentation.moves import explain_moves
from ml_assets.models.segmentation.profiles import with_value
from ml_assets.models.training import artifact_folder
from ml_assets.models.value.model import CustomerValueModel, plausibility

GROUP = "predictions"
RANKED = {"numba", "polars"}
SEGMENT = "The segment of every customer."
MEMORY_DAYS = 35
"""Segments of a day longer ago say nothing about where a customer is now."""
SEGMENTS = "Size and profile of every segment."
PLAUSIBLE = "total_is_plausible"


def build_prediction_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """recommendations, similar_items, popular_items, customer_value, segment_assignments and segments (daily)."""
    return [
        _recommendations(shop),
        _similar_items(shop),
        _popular_items(shop),
        _customer_value(shop),
        _segmentation(shop),
    ]


def _recommendations(shop: Shop) -> dg.AssetsDefinition:
    rules = shop.settings.recommender

    @shop.daily_asset(GROUP, RANKED, ins=_inputs(shop, "interactions", "items"), deps=[shop.key("recommender_model")])
    def recommendations(
        context: dg.AssetExecutionContext,
        interactions: pl.LazyFrame,
        items: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> pl.DataFrame:
        """Ranked items per customer and placement, with scores, sources and reasons."""
        day = date.fromisoformat(context.partition_key)
        models = _champions(lake, serving, rules.enabled_placements, day)
        catalogue = items.collect()
        made = recommend(models, interactions.collect(), catalogue, as_of=day, settings=rules, report=told(context))
        version = _versions({placement: model.card.version for placement, model in models.items()})
        samples = recommendation_samples(made.lists, catalogue)
        context.add_output_metadata({"model_version": version, **_list_facts(made), **samples})
        return made.lists.with_columns(model_version=pl.lit(version))

    return recommendations


def _similar_items(shop: Shop) -> dg.AssetsDefinition:
    # It reads no interactions, but is of a day: where the day's events could not be loaded there is none.
    @shop.daily_asset(
        GROUP, RANKED, ins=_inputs(shop, "items"), deps=[shop.key("recommender_model"), shop.key("interactions")]
    )
    def similar_items(
        context: dg.AssetExecutionContext,
        items: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> pl.DataFrame:
        """For every item of the model, the items bought by the same customers."""
        day = date.fromisoformat(context.partition_key)
        model = RecommenderModel.load(*_champion(lake, serving, "recommender", day, SIMILAR_ITEMS))
        catalogue = items.collect()
        ranked = rank_similar_items(model, catalogue, shop.settings.recommender)
        context.add_output_metadata({"model_version": model.card.version, **similar_sample(ranked, catalogue)})
        return ranked.with_columns(model_version=pl.lit(model.card.version))

    return similar_items


def _popular_items(shop: Shop) -> dg.AssetsDefinition:
    rules = shop.settings.recommender

    @shop.daily_asset(GROUP, {"polars"}, ins=_inputs(shop, "interactions", "items"))
    def popular_items(
        context: dg.AssetExecutionContext, interactions: pl.LazyFrame, items: pl.LazyFrame
    ) -> pl.DataFrame:
        """Best sellers of the last weeks, overall and per category."""
        catalogue, day = items.collect(), date.fromisoformat(context.partition_key)
        ranked = rank_popular_items(interactions.collect(), catalogue, as_of=day, settings=rules)
        context.add_output_metadata(popular_sample(ranked, catalogue))
        return ranked.with_columns(model_version=pl.lit(f"popularity-{rules.popularity_days}d"))

    return popular_items


def _customer_value(shop: Shop) -> dg.AssetsDefinition:
    @shop.daily_asset(
        GROUP,
        {"lightgbm", "polars"},
        ins=_inputs(shop, "customer_features"),
        deps=[shop.key("customer_value_model")],
        check_specs=[
            dg.AssetCheckSpec(
                PLAUSIBLE,
                asset=shop.key("customer_value"),
                description="What all customers are expected to spend is in proportion to what they spent.",
            )
        ],
    )
    def customer_value(
        context: dg.AssetExecutionContext,
        customer_features: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> Iterator[dg.Output[pl.DataFrame] | dg.AssetCheckResult]:
        """Of every customer, the probability of an order and the spend to be expected within 90 days."""
        day = date.fromisoformat(context.partition_key)
        model = CustomerValueModel.load(*_champion(lake, serving, "customer_value", day))
        features = customer_features.collect()
        value = model.predict(features)
        judged = plausibility(features, value, model.cap)
        facts = {"expected_spend_90d": judged.expected, "spend_of_the_last_90d": judged.last}
        yield dg.Output(
            value.with_columns(model_version=pl.lit(model.card.version)),
            metadata={"model_version": model.card.version, "methods": model.methods, **facts},
        )
        yield dg.AssetCheckResult(
            check_name=PLAUSIBLE,
            passed=judged.is_given,
            severity=dg.AssetCheckSeverity.WARN,
            description=judged.sentence,
            metadata=facts,
        )

    return customer_value


def _segmentation(shop: Shop) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="segmentation",
        outs={
            "segment_assignments": shop.out(
                "segment_assignments", SEGMENT, group=GROUP, kinds={"scikitlearn", "polars"}
            ),
            "segments": shop.out("segments", SEGMENTS, group=GROUP, kinds={"polars"}),
        },
        partitions_def=shop.calendar.daily,
        ins=_inputs(shop, "customer_features", "customer_value"),
        deps=[shop.key("segmentation_model")],
    )
    @final_failures
    def segmentation(
        context: dg.AssetExecutionContext,
        customer_features: pl.LazyFrame,
        customer_value: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> Iterator[dg.Output[pl.DataFrame]]:
        day = date.fromisoformat(context.partition_key)
        model = SegmentationModel.load(*_champion(lake, serving, "segmentation", day))
        version = pl.lit(model.card.version).alias("model_version")
        features, names = customer_features.collect(), shop.settings.segmentation.names
        before, features_before = _segments_before(lake, day)
        assignments, segments = assign(model, features, before, names)
        assignments = explain_moves(assignments, before, features, features_before)
        value = customer_value.drop("model_version").collect()
        assignments = assignments.join(value, on="customer_id", how="left", maintain_order="left")
        segments = with_value(segments, assignments)
        yield dg.Output(
            assignments.with_columns(version),
            "segment_assignments",
            metadata={"model_version": model.card.version},
        )
        yield dg.Output(segments, "segments", metadata=segment_metadata(segments))

    return segmentation


def _segments_before(lake: Lake, day: date) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """Where customers were on the newest day before, and their features of that day, where the lake has them.

    As long as it is not too long ago: they move only for a reason.
    """
    days = lake.days_between("segment_assignments", day - timedelta(days=MEMORY_DAYS), day - timedelta(days=1))
    if not days:
        return None, None
    segments = lake.read("segment_assignments", days[-1]).select("customer_id", "segment_key")
    has_features = lake.exists("customer_features", days[-1])
    return segments, lake.read("customer_features", days[-1]) if has_features else None


def _inputs(shop: Shop, *names: str) -> dict[str, dg.AssetIn]:
    return {name: dg.AssetIn(key=shop.key(name)) for name in names}


def _champions(
    lake: Lake, serving: ServingDatabase, placements: Sequence[str], day: date
) -> dict[str, RecommenderModel]:
    """The model of each placement that scores a day; placements of one artifact share the loaded model."""
    found = {placement: _champion(lake, serving, "recommender", day, placement) for placement in placements}
    loaded = {place: RecommenderModel.load(*place) for place in dict.fromkeys(found.values())}
    by_placement = {placement: loaded[place] for placement, place in found.items()}
    # A list that the shop cannot have is promoted as not made, in the card of a model that has no method for it.
    return {placement: model for placement, model in by_placement.items() if placement in model.methods}


def _champion(lake: Lake, serving: ServingDatabase, kind: str, day: date, placement: str = "") -> tuple[UPath, str]:
    """Folder and checksum of the artifact of the model that scores a day."""
    with serving.connect() as connection:
        model = champion(connection, kind, day, placement)
    if model is None:
        week = week_of(day)
        raise UserError(
            f"No {kind} model{f' for {placement}' if placement else ''} was trained on data before {day}.",
            f"Materialize {kind}_model for the week {week}, or run `ml-assets run --date {day}`.",
            code="model.missing",
        )
    return artifact_folder(lake, model.artifact), model.checksum


def _versions(by_placement: Mapping[str, str]) -> str:
    """One version where all placements have it, otherwise each with its own."""
    different = set(by_placement.values())
    if len(different) == 1:
        return different.pop()
    return ", ".join(f"{placement}: {version}" for placement, version in by_placement.items())


def _list_facts(made: Recommended) -> dict[str, dg.MetadataValue]:
    """Sizes, which tier filled the lists, and what was left out because it does not matter any more."""
    sources = made.lists.select("placement", pl.col("sources").alias("source")).explode("source")
    counted = sources.group_by("placement", "source").agg(items=pl.len())
    shares = counted.sort("placement", "items", descending=[False, True])
    return {
        "customers": dg.MetadataValue.int(made.lists["customer_id"].n_unique()),
        "customers_who_left": dg.MetadataValue.int(made.customers_left),
        "items_unavailable": dg.MetadataValue.int(made.sellable.unavailable),
        "items_unsold": dg.MetadataValue.int(made.sellable.unsold),
        "items_of_excluded_categories": dg.MetadataValue.int(made.sellable.excluded_category),
        "sources": dg.MetadataValue.table([dg.TableRecord(row) for row in shares.iter_rows(named=True)])
        if shares.height
        else dg.MetadataValue.text("no lists"),
    }
