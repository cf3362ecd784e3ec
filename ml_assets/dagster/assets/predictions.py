"""Assets of items: the lists that the champions of the day make, as frames in the lake.

Scoring is done by `ml_assets.models`; publishing by `releases.py`. Segments are in `customers.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
import polars as pl

from ml_assets.dagster.assets.champions import GROUP, artifact_of, inputs
from ml_assets.dagster.assets.samples import popular_sample, recommendation_samples, similar_sample
from ml_assets.dagster.compute import Compute
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.progress import told
from ml_assets.dagster.shop import Shop
from ml_assets.lake import Lake
from ml_assets.models.placements import SIMILAR_ITEMS
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.prepared import Recommended
from ml_assets.models.ranking.related import popular_items as rank_popular_items
from ml_assets.models.ranking.related import similar_items as rank_similar_items

RANKED = {"numba", "polars"}


def build_prediction_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """recommendations, similar_items and popular_items (daily), as far as the shop makes them."""
    build = {"recommendations": _recommendations, "similar_items": _similar_items, "popular_items": _popular_items}
    return [build[name](shop) for name in build if name in shop.settings.subjects]


def _recommendations(shop: Shop) -> dg.AssetsDefinition:
    rules, exploration = shop.settings.recommender, shop.settings.experiments.exploration

    @shop.daily_asset(GROUP, RANKED, ins=inputs(shop, "interactions", "items"), deps=[shop.key("recommender_model")])
    def recommendations(
        context: dg.AssetExecutionContext,
        interactions: pl.LazyFrame,
        items: pl.LazyFrame,
        *,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
        compute: dg.ResourceParam[Compute],
    ) -> pl.DataFrame:
        """Ranked items per customer and placement, with scores, sources and reasons."""
        day = date.fromisoformat(context.partition_key)
        models = _champions(lake, serving, rules.enabled_placements, day)
        catalogue = items.collect()
        made = compute.recommend(
            models,
            interactions.collect(),
            catalogue,
            as_of=day,
            settings=rules,
            exploration=exploration,
            report=told(context),
        )
        version = joined_versions({placement: model.card.version for placement, model in models.items()})
        samples = recommendation_samples(made.lists, catalogue)
        context.add_output_metadata({"model_version": version, **_list_facts(made), **samples})
        return made.lists.with_columns(model_version=pl.lit(version))

    return recommendations


def _similar_items(shop: Shop) -> dg.AssetsDefinition:
    # It reads no interactions, but is of a day: where the day's events could not be loaded there is none.
    @shop.daily_asset(
        GROUP, RANKED, ins=inputs(shop, "items"), deps=[shop.key("recommender_model"), shop.key("interactions")]
    )
    def similar_items(
        context: dg.AssetExecutionContext,
        items: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> pl.DataFrame:
        """For every item of the model, the items bought by the same customers."""
        day = date.fromisoformat(context.partition_key)
        model = RecommenderModel.load(*artifact_of(lake, serving, "recommender", day, SIMILAR_ITEMS))
        catalogue = items.collect()
        ranked = rank_similar_items(model, catalogue, shop.settings.recommender)
        context.add_output_metadata({"model_version": model.card.version, **similar_sample(ranked, catalogue)})
        return ranked.with_columns(model_version=pl.lit(model.card.version))

    return similar_items


def _popular_items(shop: Shop) -> dg.AssetsDefinition:
    rules = shop.settings.recommender

    @shop.daily_asset(GROUP, {"polars"}, ins=inputs(shop, "interactions", "items"))
    def popular_items(
        context: dg.AssetExecutionContext, interactions: pl.LazyFrame, items: pl.LazyFrame
    ) -> pl.DataFrame:
        """Best sellers of the last weeks, overall and per category."""
        catalogue, day = items.collect(), date.fromisoformat(context.partition_key)
        ranked = rank_popular_items(interactions.collect(), catalogue, as_of=day, settings=rules)
        context.add_output_metadata(popular_sample(ranked, catalogue))
        return ranked.with_columns(model_version=pl.lit(f"popularity-{rules.popularity_days}d"))

    return popular_items


def _champions(
    lake: Lake, serving: ServingDatabase, placements: Sequence[str], day: date
) -> dict[str, RecommenderModel]:
    """The model of each placement that scores a day; placements of one artifact share the loaded model."""
    found = {placement: artifact_of(lake, serving, "recommender", day, placement) for placement in placements}
    loaded = {place: RecommenderModel.load(*place) for place in dict.fromkeys(found.values())}
    by_placement = {placement: loaded[place] for placement, place in found.items()}
    # A list that the shop cannot have is promoted as not made, in the card of a model that has no method for it.
    return {placement: model for placement, model in by_placement.items() if placement in model.methods}


def joined_versions(by_placement: Mapping[str, str]) -> str:
    """One version where all placements have it, otherwise each with its own; `versions_of` reads it."""
    different = set(by_placement.values())
    if len(different) == 1:
        return different.pop()
    return ", ".join(f"{placement}: {version}" for placement, version in by_placement.items())


def versions_of(text: str, placements: Sequence[str]) -> dict[str, str]:
    """The version of each placement's model, from what a release says of its models."""
    if ": " not in text:
        return dict.fromkeys(placements, text)
    named = dict(part.split(": ", 1) for part in text.split(", "))
    return {placement: named[placement] for placement in placements if placement in named}


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
