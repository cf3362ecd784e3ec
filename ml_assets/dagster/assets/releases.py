"""Release assets: each publishes one subject of the day to PostgreSQL behind its gates.

Publishing is done by `ml_assets.releases.publish`. A blocked release is stored, explained and fails its blocking
check; the live one stays.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import dagster as dg
import polars as pl

from ml_assets.books.models import RegisteredModel, champion
from ml_assets.dagster.assets.arms import active_in_arms, best_selling_arms, has_experiments
from ml_assets.dagster.assets.champions import segmentation_of
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.entrants import live_arms
from ml_assets.experiments.register import running
from ml_assets.lake import Lake
from ml_assets.methods import BEST_SELLERS
from ml_assets.models.placements import PLACEMENTS
from ml_assets.releases.publish import Publication, Release, publish
from ml_assets.subjects import ARM_LISTS, Table

GATES = "passes_its_gates"
OF_ITEMS = ("recommendations", "similar_items", "popular_items")
"""Subjects whose views show names of items."""
OVERRIDE_TAG = "ml_assets/override"
"""A run with this tag publishes what a gate refuses; its value is the reason."""


def build_release_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """One release asset per subject that the shop publishes (daily)."""
    arms = [ARM_LISTS] if has_experiments(shop) else []
    return [_release_asset(shop, table) for table in (*shop.settings.published.values(), *arms)]


def _release_asset(shop: Shop, table: Table) -> dg.AssetsDefinition:
    # Names for the reasons; the other subjects of the day would only write the same rows again.
    with_names = table.name == next((name for name in shop.settings.published if name in OF_ITEMS), None)

    @shop.daily_asset(
        "serving",
        {"postgres"},
        name=table.asset,
        description=table.description,
        ins={"predictions": dg.AssetIn(key=shop.key(table.name))},
        deps=[shop.key(name) for name in _before(shop, table)],
        check_specs=[
            dg.AssetCheckSpec(
                GATES,
                asset=shop.key(table.asset),
                blocking=True,
                description="The release may go live; otherwise the live one stays.",
            )
        ],
    )
    def release(
        context: dg.AssetExecutionContext,
        predictions: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads this annotation and knows the bare class only
        frame = predictions.collect()
        day = date.fromisoformat(context.partition_key)
        if table.has_arms and frame.is_empty():
            return _nothing(shop, table)
        new = Publication(
            table.name,
            frame.drop("model_version"),
            day=day,
            model_version=frame["model_version"][0] if frame.height else "none",
            run_id=context.op_execution_context.run_id,
            k=shop.settings.recommender.k,
            gates=shop.settings.serving.gates,
            keep=shop.settings.serving.keep_releases,
            most_retired=shop.settings.serving.most_retired,
            give_way=shop.settings.serving.give_way,
            override=context.op_execution_context.get_tag(OVERRIDE_TAG),
            active=active_customers(lake, day) if table.is_personal else None,
            items=lake.read("items") if with_names else None,
            segments=lake.read("segment_profiles", day) if table.has_segments else None,
        )
        with serving.connect() as connection:
            if table.has_segments:
                new = replace(new, segmentation=segmentation_of(connection, lake, new.model_version))
            if table.has_arms:
                experiments = running(connection)
                new = replace(
                    new,
                    active=active_in_arms(experiments, new.frame, new.active),
                    best_sellers=best_selling_arms(experiments),
                    is_like_live=live_arms(connection) == set(new.frame["arm"].unique()),
                )
            elif table.is_personal:
                new = replace(new, best_sellers=_best_sellers(connection, day))
            published = publish(connection, new)
        return _result(shop, table, published)

    return release


def _before(shop: Shop, table: Table) -> list[str]:
    """What must have been made beside the predictions themselves."""
    profiles = ["segment_profiles"] if table.has_segments else []
    opt_outs = ["opt_outs"] if shop.settings.opt_outs and (table.is_personal or table.has_segments) else []
    return profiles + opt_outs


def active_customers(lake: Lake, day: date) -> pl.Series | None:
    """Customers with a purchase in the look-back; None where their features are not in the lake any more."""
    if not lake.exists("interactions", day):
        return None
    return (
        lake.scan("interactions", [day.isoformat()])
        .select(pl.col("customer_id").drop_nulls().unique())
        .collect()
        .to_series()
    )


def _best_sellers(connection: ServingConnection, day: date) -> frozenset[str]:
    """Placements that a day's champions fill with best-sellers, as nothing better was found on the shop's past."""
    found = {placement: champion(connection, "recommender", day, placement) for placement in PLACEMENTS}
    return best_sellers_of({placement: model for placement, model in found.items() if model})


def best_sellers_of(models: Mapping[str, RegisteredModel]) -> frozenset[str]:
    """Placements whose model fills them with best-sellers."""
    return frozenset(placement for placement, model in models.items() if model.method in BEST_SELLERS)


def _nothing(shop: Shop, table: Table) -> dg.MaterializeResult[None]:
    """Where no experiment asks for lists, none are published."""
    check = dg.AssetCheckResult(
        check_name=GATES, asset_key=shop.key(table.asset), passed=True, description="No experiment needs a list."
    )
    return dg.MaterializeResult(metadata={"state": "none"}, check_results=[check])


def _result(shop: Shop, table: Table, published: Release) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        metadata={
            "release_id": published.release_id,
            "state": published.state,
            **({"reason": published.reason} if published.reason else {}),
            "dagster/partition_row_count": published.rows,
            "checksum": published.checksum,
            "dagster/table_name": f"{shop.prefixed('ml')}.{table.name}",
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=GATES,
                asset_key=shop.key(table.asset),
                passed=published.state != "blocked",
                description=published.reason or f"Release {published.release_id} is {published.state}.",
                metadata={**published.facts, **_next_step(published)},
            )
        ],
    )


def _next_step(published: Release) -> dict[str, str]:
    if published.state != "blocked":
        return {}
    return {"next": f"`ml-assets releases {published.subject}`, or `ml-assets accept {published.release_id}`"}
