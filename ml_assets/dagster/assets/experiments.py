"""Assets of experiments: who is counted, day by day.

What counts is decided in `ml_assets.experiments`.
"""

from collections.abc import Iterable
from datetime import date, timedelta

import dagster as dg
import polars as pl

from ml_assets.dagster.assets.arms import has_experiments
from ml_assets.dagster.assets.champions import inputs
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.shop import Shop
from ml_assets.experiments.entrants import FEATURES, enter_customers, serve_what_is_ready
from ml_assets.experiments.exposures import drop_exposures
from ml_assets.experiments.guardrails import breached, stop_breached
from ml_assets.experiments.margin_before import with_margin_before
from ml_assets.experiments.outcomes import Before, due_days, outcomes_of, write_outcomes
from ml_assets.experiments.register import running, sync_hold_out
from ml_assets.experiments.report import report
from ml_assets.experiments.statistics import SRM_ALPHA
from ml_assets.lake import Lake
from ml_assets.live.trials import tend_trials
from ml_assets.releases.catalog import live_release
from ml_assets.settings.made import has_amounts
from ml_assets.subjects import ARM_LISTS

GROUP = "experiments"
COMPLETE, SPLIT, GUARDRAILS = "no_day_is_missing", "splits_are_as_drawn", "guardrails_hold"
TRIALS = "trials_have_customers"
CHECKS = {
    COMPLETE: "Every day that was loaded since the first experiment began has its outcomes.",
    SPLIT: "The customers of every experiment are split as they were drawn.",
    GUARDRAILS: "No arm has lower revenue, fewer orders, more returns or more opt-outs than the control for sure.",
    TRIALS: "Every challenger on trial is shown to customers.",
}


def build_experiment_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """experiment_customers and experiment_outcomes (daily), where the shop has lists."""
    return [_experiment_customers(shop), _experiment_outcomes(shop)] if has_experiments(shop) else []


def _experiment_customers(shop: Shop) -> dg.AssetsDefinition:
    @shop.daily_asset(
        GROUP,
        {"postgres"},
        ins=inputs(shop, "customer_features"),
        deps=[
            shop.key(table.asset)
            for table in (*shop.settings.published.values(), ARM_LISTS)
            if "customer_id" in table.keys
        ],
    )
    def experiment_customers(
        context: dg.AssetExecutionContext,
        customer_features: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads this annotation and knows the bare class only
        """Who is counted in the experiments that run, readable as ml.experiment_customers."""
        day = date.fromisoformat(context.partition_key)
        with serving.connect() as connection:
            sync_hold_out(connection, shop.settings.experiments.hold_out)
            drop_exposures(connection, day - timedelta(days=shop.settings.experiments.keep_exposures_days))
            begun = serve_what_is_ready(connection)
            live = live_release(connection, "recommendations")
            if live is None or live.day != day:
                # Who could see a list is said by what is live; an older day that is built again changes nothing.
                return dg.MaterializeResult(metadata={"entered": 0, "live": str(live.day if live else None)})
            past = customer_features.select(FEATURES).collect()
            past = with_margin_before(past, lake, day, shop.settings.events.weights)
            entered = enter_customers(connection, past)
        return dg.MaterializeResult(metadata={"entered": sum(entered.values()), "begun": ", ".join(begun), **entered})

    return experiment_customers


def _experiment_outcomes(shop: Shop) -> dg.AssetsDefinition:
    @shop.daily_asset(
        GROUP,
        {"postgres"},
        ins=inputs(shop, "transactions"),
        deps=[shop.key("experiment_customers")],
        check_specs=[
            dg.AssetCheckSpec(name, asset=shop.key("experiment_outcomes"), description=words)
            for name, words in CHECKS.items()
        ],
    )
    def experiment_outcomes(
        context: dg.AssetExecutionContext,
        transactions: pl.LazyFrame,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads this annotation and knows the bare class only
        """What customers of experiments bought on the day, readable as ml.experiment_outcomes."""
        day = date.fromisoformat(context.partition_key)
        weights = shop.settings.events.weights
        bought = outcomes_of(transactions, day, weights, _before(lake, day))
        with serving.connect() as connection:
            added = write_outcomes(connection, day, bought)
            # Days that were loaded late, or corrected, without being run.
            for other in due_days(connection, day):
                if lake.exists("transactions", other):
                    lines = lake.scan("transactions", [other.isoformat()])
                    write_outcomes(connection, other, outcomes_of(lines, other, weights, _before(lake, other)))
            missing = due_days(connection, day)
            found = [
                report(connection, one, amounts=has_amounts(shop.settings))
                for one in running(connection)
                if one.serving_since
            ]
            stops = shop.settings.experiments.on_breach == "stop"
            stopped = stop_breached(connection, found) if stops else []
            trials = tend_trials(connection, shop.settings, found)
        absent = f"Without outcomes: {', '.join(map(str, missing[:5]))}." if missing else None
        wrong = {
            COMPLETE: absent,
            SPLIT: _words((one.experiment, one.verdict) for one in found if one.mismatch < SRM_ALPHA),
            GUARDRAILS: _words(
                (one.experiment, f"stopped. {one.verdict}" if one.experiment in stopped else one.verdict)
                for one in breached(found)
            ),
            TRIALS: _words(trials.waiting.items()),
        }
        checks = [
            dg.AssetCheckResult(
                check_name=name,
                asset_key=shop.key("experiment_outcomes"),
                passed=words is None,
                severity=dg.AssetCheckSeverity.WARN,
                description=words or CHECKS[name],
                metadata={"next": f"ml-assets run --from {missing[0]} --to {missing[-1]}"}
                if name == COMPLETE and missing
                else {},
            )
            for name, words in wrong.items()
        ]
        verdicts = {one.experiment: one.verdict for one in found}
        ended = {f"trial of {name}": words for name, words in trials.ended.items()}
        return dg.MaterializeResult(metadata={"customers": added, **verdicts, **ended}, check_results=checks)

    return experiment_outcomes


def _before(lake: Lake, day: date) -> Before | None:
    """What customers had bought before a day, where the lake has it still."""
    as_of = day - timedelta(days=1)
    if not lake.exists("interactions", as_of) or not lake.exists("items"):
        return None
    return Before(lake.scan("interactions", [as_of.isoformat()]), lake.scan("items"))


def _words(found: Iterable[tuple[str, str]]) -> str | None:
    return " ".join(f"{name}: {verdict}" for name, verdict in found) or None
