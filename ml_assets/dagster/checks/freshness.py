"""Freshness checks: the database's verdict on every subject, shown on the assets in Dagster.

The verdict is `ml.freshness`, because Dagster's own freshness means "some partition was materialized": a backfill
makes that green, and a blocked release leaves it green.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from ml_assets.books.freshness import Freshness, read_freshness
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.failures import final_failures
from ml_assets.dagster.shop import Shop
from ml_assets.features.load import missing_days
from ml_assets.lake import Lake

IS_FRESH = "is_fresh"
HAS_NO_HOLES = "history_has_no_holes"


def freshness_check_keys(shop: Shop) -> list[dg.AssetCheckKey]:
    """One check per subject."""
    return [dg.AssetCheckKey(shop.key(subject.asset), IS_FRESH) for subject in shop.settings.subjects.values()]


def build_freshness_checks(shop: Shop) -> list[dg.AssetChecksDefinition]:
    """One step that reads `ml.freshness` and reports on every asset selected."""
    specs = [
        dg.AssetCheckSpec(key.name, asset=key.asset_key, description="Not older than its policy allows.")
        for key in freshness_check_keys(shop)
    ]

    @dg.multi_asset_check(name=shop.prefixed("freshness_of_everything"), specs=specs, can_subset=True)
    @final_failures
    def freshness_of_everything(
        context: dg.AssetCheckExecutionContext, serving: dg.ResourceParam[ServingDatabase]
    ) -> Iterator[dg.AssetCheckResult]:
        with serving.connect() as connection:
            rows = {row.subject: row for row in read_freshness(connection)}
        for name, subject in shop.settings.subjects.items():
            key = dg.AssetCheckKey(shop.key(subject.asset), IS_FRESH)
            if key in context.selected_asset_check_keys and name in rows:
                yield _result(key, rows[name])

    return [freshness_of_everything]


def record_freshness(instance: dg.DagsterInstance, shop: Shop, rows: Sequence[Freshness]) -> int:
    """Put verdicts on the assets without a run, where another one is shown; how many were.

    A check inside a run that publishes would be skipped with it, and Dagster shows a skipped check as a failed one.
    """
    by_subject = {row.subject: row for row in rows}
    keys = {
        name: dg.AssetCheckKey(shop.key(subject.asset), IS_FRESH) for name, subject in shop.settings.subjects.items()
    }
    shown = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys.values()))
    changed = 0
    for subject in keys.keys() & by_subject.keys():
        key, result = keys[subject], _result(keys[subject], by_subject[subject])
        record = shown.get(key)
        evaluation = record.event.asset_check_evaluation if record and record.event else None
        if evaluation is None or (evaluation.passed, evaluation.description) != (result.passed, result.description):
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(
                    asset_key=key.asset_key,
                    check_name=key.name,
                    passed=result.passed,
                    severity=result.severity,
                    description=result.description,
                    metadata=result.metadata,
                )
            )
            changed += 1
    return changed


def history_check_key(shop: Shop) -> dg.AssetCheckKey:
    """The check of the history."""
    return dg.AssetCheckKey(shop.key("transactions"), HAS_NO_HOLES)


def build_history_check(shop: Shop) -> dg.AssetChecksDefinition:
    """Whether days are missing between the first and the newest day that was loaded."""

    @dg.asset_check(
        asset=shop.key("transactions"),
        name=HAS_NO_HOLES,
        description="No day is missing between the oldest and the newest day of the look-back.",
    )
    @final_failures
    def history_has_no_holes(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
        missing = [day.isoformat() for day in missing_days(lake, shop.settings.lookback_days)]
        return dg.AssetCheckResult(
            passed=not missing,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{len(missing)} days are missing, the first {missing[0]}; materialize transactions for them."
            if missing
            else "Every day is there.",
            metadata={"missing": missing},
        )

    return history_has_no_holes


def _result(key: dg.AssetCheckKey, row: Freshness) -> dg.AssetCheckResult:
    limit = row.error_after.total_seconds() / 3600
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=row.status == "fresh",
        severity=dg.AssetCheckSeverity.WARN if row.status == "warn" else dg.AssetCheckSeverity.ERROR,
        description=f"{row.status}: {row.reason}"
        if row.reason
        else f"{row.status}: newest day {row.data_as_of or 'never'}, stale after {limit:g} hours.",
        metadata={
            "status": row.status,
            "age_hours": row.age.total_seconds() / 3600 if row.age else -1.0,
            **({"stale_at": dg.MetadataValue.timestamp(row.stale_at)} if row.stale_at else {}),
            **({"rows": row.row_count} if row.row_count is not None else {}),
        },
    )
