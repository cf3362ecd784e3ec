"""Assets of customers: their value and their segments by the champions of the day, as frames in the lake.

The numbers come from `ml_assets.models`; publishing is done by `releases.py`. Lists of items are in `predictions.py`.
"""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
import polars as pl

from ml_assets.dagster.assets.champions import GROUP, artifact_of, inputs, segmentation_of
from ml_assets.dagster.assets.figures import flow_metadata, move_metadata, segment_metadata
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.failures import final_failures
from ml_assets.dagster.shop import Shop
from ml_assets.lake import Lake
from ml_assets.models.segmentation.model import SegmentationModel, assign, left_alone
from ml_assets.models.segmentation.moves import explain_moves, share_moved
from ml_assets.models.segmentation.profiles import with_value
from ml_assets.models.value.model import CustomerValueModel, as_shown, plausibility

SEGMENT = "The segment of every customer."
SEGMENTS = "Size and profile of every segment."
PLAUSIBLE = "total_is_plausible"
STAY, LARGE = "customers_stay_in_segments", "segments_are_large_enough"
FLOW_DAYS = 28
"""Over so many days flows are shown as a plot."""
MEMORY_DAYS = 35
"""Segments of a day longer ago say nothing about where a customer is now."""


def build_customer_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """customer_value, segment_assignments and segment_profiles (daily), where the shop has segments."""
    return [_customer_value(shop), _segmentation(shop)] if "segment_assignments" in shop.settings.subjects else []


def _customer_value(shop: Shop) -> dg.AssetsDefinition:
    @shop.daily_asset(
        GROUP,
        {"lightgbm", "polars"},
        ins=inputs(shop, "customer_features"),
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
        model = CustomerValueModel.load(*artifact_of(lake, serving, "customer_value", day))
        features = customer_features.collect()
        value = model.predict(features)
        judged = plausibility(features, value, model.cap)
        yield dg.Output(
            as_shown(value, features).with_columns(model_version=pl.lit(model.card.version)),
            metadata={"model_version": model.card.version, "methods": model.methods, **judged.facts},
        )
        yield dg.AssetCheckResult(
            check_name=PLAUSIBLE,
            passed=judged.is_given,
            severity=dg.AssetCheckSeverity.WARN,
            description=judged.sentence,
            metadata=judged.facts,
        )

    return customer_value


def _segmentation(shop: Shop) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="segmentation",
        outs={
            "segment_assignments": shop.out(
                "segment_assignments", SEGMENT, group=GROUP, kinds={"scikitlearn", "polars"}
            ),
            "segment_profiles": shop.out("segment_profiles", SEGMENTS, group=GROUP, kinds={"polars"}),
        },
        partitions_def=shop.calendar.daily,
        ins=inputs(shop, "customer_features", "customer_value"),
        deps=[shop.key("segmentation_model")],
        check_specs=[
            dg.AssetCheckSpec(name, asset=shop.key("segment_assignments"), description=words)
            for name, words in (
                (STAY, "No more customers change segment in a day than a training may move."),
                (LARGE, "Every segment has enough customers to be worth a campaign."),
            )
        ],
    )
    @final_failures
    def segmentation(
        context: dg.AssetExecutionContext,
        customer_features: pl.LazyFrame,
        customer_value: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> Iterator[dg.Output[pl.DataFrame] | dg.AssetCheckResult]:
        day = date.fromisoformat(context.partition_key)
        model = SegmentationModel.load(*artifact_of(lake, serving, "segmentation", day))
        version = pl.lit(model.card.version).alias("model_version")
        features, names = customer_features.collect(), shop.settings.segmentation.names
        before, features_before = _segments_before(lake, day)
        assignments, segments = assign(model, features, before, names)
        moved = share_moved(assignments, before)
        redrawn = _whom_only_the_training_moved(lake, serving, model, features, before)
        assignments = explain_moves(
            assignments, before, features, features_before, inputs=model.inputs, redrawn=redrawn
        )
        value = customer_value.drop("model_version").collect()
        assignments = assignments.join(value, on="customer_id", how="left", maintain_order="left")
        segments = with_value(segments, assignments)
        yield dg.Output(
            assignments.with_columns(version),
            "segment_assignments",
            metadata={
                "model_version": model.card.version,
                **move_metadata(assignments, moved),
                **_flows(lake, day, assignments, segments),
            },
        )
        yield dg.Output(segments, "segment_profiles", metadata=segment_metadata(segments))
        yield from _segment_checks(shop, moved, segments)

    return segmentation


def _flows(lake: Lake, day: date, assignments: pl.DataFrame, segments: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """From the oldest day of the last weeks that the lake has."""
    days = lake.days_between("segment_assignments", day - timedelta(days=FLOW_DAYS), day - timedelta(days=1))
    if not days:
        return {}
    since = date.fromisoformat(str(days[0]))
    return flow_metadata(assignments, lake.read("segment_assignments", since), segments, since=since, day=day)


def _segment_checks(shop: Shop, moved: float | None, segments: pl.DataFrame) -> Iterator[dg.AssetCheckResult]:
    settings, key = shop.settings.segmentation, shop.key("segment_assignments")
    yield dg.AssetCheckResult(
        check_name=STAY,
        asset_key=key,
        passed=moved is None or moved <= settings.max_moved,
        severity=dg.AssetCheckSeverity.WARN,
        description="Nobody had a segment before." if moved is None else f"{moved:.2%} of the customers moved.",
        metadata={} if moved is None else {"moved": moved},
    )
    used = segments.filter(pl.col("customers") > 0)
    smallest = used.sort("customers", "segment_key").row(0, named=True) if used.height > 1 else None
    yield dg.AssetCheckResult(
        check_name=LARGE,
        asset_key=key,
        passed=smallest is None or smallest["share"] >= settings.min_share,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{smallest['segment_name']} is the smallest, with {smallest['share']:.1%} of the customers."
        if smallest
        else "There is one segment.",
        metadata={str(row["segment_key"]): row["share"] for row in used.iter_rows(named=True)},
    )


def _whom_only_the_training_moved(
    lake: Lake,
    serving: ServingDatabase,
    model: SegmentationModel,
    features: pl.DataFrame,
    before: pl.DataFrame | None,
) -> pl.Series | None:
    """Customers whom the model of the day before leaves where they were; None where it is the same, or gone."""
    version = None if before is None or before.is_empty() else str(before["model_version"][0])
    if before is None or version is None or version == model.card.version:
        return None
    with serving.connect() as connection:
        earlier = segmentation_of(connection, lake, version)
    return left_alone(earlier, features, before) if earlier else None


def _segments_before(lake: Lake, day: date) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """Where customers were on the newest day before, and their features of that day, where the lake has them.

    As long as it is not too long ago: they move only for a reason.
    """
    days = lake.days_between("segment_assignments", day - timedelta(days=MEMORY_DAYS), day - timedelta(days=1))
    if not days:
        return None, None
    segments = lake.read("segment_assignments", days[-1]).select("customer_id", "segment_key", "model_version")
    has_features = lake.exists("customer_features", days[-1])
    return segments, lake.read("customer_features", days[-1]) if has_features else None
