"""The asset of what became of the lists that were live; measuring is in `ml_assets.live`."""

from datetime import date, timedelta

import dagster as dg

from ml_assets.books.live_quality import LiveDay, below_promise, live_days
from ml_assets.dagster.assets.arms import has_experiments
from ml_assets.dagster.assets.figures import image
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.shop import Shop
from ml_assets.lake import Lake
from ml_assets.live.judge import horizon_of, judge_days, lost_days

NAME = "live_quality"
COMPLETE, PROMISE = "lists_were_kept", "keeps_its_promise"
CHECKS = {
    COMPLETE: "The lists of every day were still there when it could be judged.",
    PROMISE: "The hit rate of no list has stayed below what the backtest of its model promised.",
}
SHOWN_DAYS = 90


def build_live_quality(shop: Shop) -> list[dg.AssetsDefinition]:
    """live_quality (daily), where the shop has lists of customers."""
    return [_live_quality(shop)] if has_experiments(shop) else []


def _live_quality(shop: Shop) -> dg.AssetsDefinition:
    @shop.daily_asset(
        "quality",
        {"postgres"},
        deps=[
            shop.key(name)
            for name in ("transactions", "interactions", "items", "recommendations_release", "experiment_customers")
        ],
        check_specs=[
            dg.AssetCheckSpec(name, asset=shop.key(NAME), description=words) for name, words in CHECKS.items()
        ],
    )
    def live_quality(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads this annotation and knows the bare class only
        """What customers bought of the lists that were live a horizon ago, readable as ml.live_quality."""
        day = date.fromisoformat(context.partition_key)
        horizon = horizon_of(shop.settings)
        with serving.connect() as connection:
            judged = judge_days(connection, lake, shop.settings, day)
            lost = lost_days(connection, shop.settings, day)
            below = below_promise(connection, shop.settings.live_quality.days_below)
            known = live_days(connection, day - timedelta(days=SHOWN_DAYS))
        newest = [one for one in known if one.day == day - timedelta(days=horizon - 1)]
        return dg.MaterializeResult(
            metadata={"judged": ", ".join(map(str, judged)), **_figures(newest), **_plot(known)},
            check_results=[
                _result(shop, COMPLETE, _lost_words(lost, horizon)),
                _result(shop, PROMISE, " ".join(one.words for one in below)),
            ],
        )

    return live_quality


def _figures(newest: list[LiveDay]) -> dict[str, dg.MetadataValue]:
    """One number each, so that Dagster draws them over the days."""
    names = ("hit_rate", "promised_hit_rate", "ndcg", "recall", "coverage", "novelty", "listed_share")
    return {
        f"{one.placement}_{name}": dg.MetadataValue.float(value)
        for one in newest
        for name in names
        if (value := getattr(one, name)) is not None
    }


def _plot(known: list[LiveDay]) -> dict[str, dg.MetadataValue]:
    from ml_assets.plots.live import live_png  # noqa: PLC0415 Matplotlib imports slowly, and few runs draw

    return {"plot": image(live_png(known), "Hit rate of the lists that were live")} if known else {}


def _lost_words(lost: list[date], horizon: int) -> str:
    if not lost:
        return ""
    days = ", ".join(map(str, lost[-3:]))
    return f"The lists of {days} are not kept any more: set serving.keep_releases to {horizon + 1} at least."


def _result(shop: Shop, name: str, wrong: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=shop.key(NAME),
        passed=not wrong,
        severity=dg.AssetCheckSeverity.WARN,
        description=wrong or CHECKS[name],
    )
