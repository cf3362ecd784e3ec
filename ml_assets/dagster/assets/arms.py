"""Lists that are made for arms of experiments, as a frame in the lake; `releases.py` publishes them.

Ranking is done by `ml_assets.models`, who is in which arm is drawn by `ml_assets.experiments`.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import dagster as dg
import polars as pl

from ml_assets.dagster.assets.champions import inputs
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.progress import told
from ml_assets.dagster.shop import Shop
from ml_assets.experiments.design import Arm, Experiment
from ml_assets.experiments.entrants import drawn
from ml_assets.experiments.register import running
from ml_assets.lake import Lake
from ml_assets.live.other_lists import OtherLists
from ml_assets.methods import BEST_SELLERS
from ml_assets.models.ranking.frames import recommendation_schema
from ml_assets.models.ranking.recommend import recommend
from ml_assets.settings.shop import Settings


def build_arm_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """arm_recommendations (daily), where the shop has lists."""
    return [_arm_recommendations(shop)] if has_experiments(shop) else []


def has_experiments(shop: Shop) -> bool:
    """Whether there are lists to experiment on."""
    return "recommendations" in shop.settings.published


def made_arms(experiments: Sequence[Experiment], day: date, settings: Settings) -> Iterator[tuple[Experiment, Arm]]:
    """The arms whose lists have to be made as of a day: none of days on which nobody could see them."""
    for experiment in experiments:
        if day >= _day(experiment.started_at, settings) - timedelta(days=1):
            for arm in experiment.made_arms:
                yield experiment, arm


def _arm_recommendations(shop: Shop) -> dg.AssetsDefinition:
    rules, exploration = shop.settings.recommender, shop.settings.experiments.exploration

    @shop.daily_asset(
        "experiments",
        {"numba", "polars"},
        ins=inputs(shop, "interactions", "items"),
        deps=[shop.key("recommender_model")],
    )
    def arm_recommendations(
        context: dg.AssetExecutionContext,
        interactions: pl.LazyFrame,
        items: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> pl.DataFrame:
        """Lists of the arms of experiments that see another method, a model of another version, or a challenger."""
        day = date.fromisoformat(context.partition_key)
        catalogue = items.collect()
        schema = interactions.collect_schema()
        lists = recommendation_schema(schema["customer_id"], schema["item_id"]).to_frame()
        frames, versions, waiting = [lists.with_columns(arm=pl.lit("")).clear()], {}, []
        with serving.connect() as connection:
            wanted = list(made_arms(running(connection), day, shop.settings))
        known = interactions.collect() if wanted else lists
        everybody = known["customer_id"].unique().sort()
        for experiment, arm in wanted:
            placement = experiment.placement or ""
            with serving.connect() as connection:
                others = OtherLists(connection, lake, shop.settings, arm.list, placement)
                if arm.may_wait and not others.can_be_of(day):
                    waiting.append(f"{experiment.name}.{arm.name}")
                    continue
                model = others.model(day, known, catalogue)
            customers = drawn(experiment, everybody)
            theirs = customers.filter(pl.col("arm") == arm.name)["customer_id"]
            # As the live lists explore, so do these: else the comparison would be one of exploring as well.
            made = recommend(
                {placement: model},
                known,
                catalogue,
                as_of=day,
                settings=rules,
                customers=theirs,
                exploration=exploration,
                report=told(context),
            )
            key = f"{experiment.name}.{arm.name}"
            frames.append(made.lists.with_columns(arm=pl.lit(key)))
            versions[key] = model.card.version
        version = ", ".join(f"{key}: {one}" for key, one in versions.items())
        frame = pl.concat(frames, how="diagonal").sort("customer_id", "placement", "arm")
        context.add_output_metadata({"rows": frame.height, "without_a_model": ", ".join(waiting), **versions})
        return frame.with_columns(model_version=pl.lit(version))

    return arm_recommendations


def active_in_arms(
    experiments: Sequence[Experiment], frame: pl.DataFrame, active: pl.Series | None
) -> pl.Series | None:
    """The active customers who are drawn into one of the arms of a frame; None where they are not known."""
    if active is None:
        return None
    arms = frame["arm"].unique()
    theirs = [
        drawn(one, active).filter((f"{one.name}." + pl.col("arm")).is_in(arms.implode()))["customer_id"]
        for one in experiments
        if one.made_arms
    ]
    return pl.concat(theirs) if theirs else active.clear()


def best_selling_arms(experiments: Sequence[Experiment]) -> frozenset[str]:
    """Placements of experiments that show best-sellers on purpose."""
    simple = {f"{kind}:{name}" for kind in ("method", "challenger") for name in BEST_SELLERS}
    return frozenset(
        one.placement for one in experiments if one.placement and any(arm.list in simple for arm in one.made_arms)
    )


def _day(moment: datetime, settings: Settings) -> date:
    return moment.astimezone(settings.tz).date()
