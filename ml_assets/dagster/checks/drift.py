"""Drift checks on features, raw days and recommendations: the newest day of the lake against the weeks before.

Measuring is in `ml_assets.drift`; a check is yellow where something changed and red where two signs agree, and
blocks nothing.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Literal

import dagster as dg

from ml_assets.books.drift import past_values, record_drift
from ml_assets.dagster.assets.figures import image
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.failures import final_failures
from ml_assets.dagster.shop import Shop
from ml_assets.drift.day import measure_day, too_young
from ml_assets.drift.measures import Measure, by_subject, verdict
from ml_assets.lake import Lake

CHECK = "has_not_drifted"
HIT_RATES = 8


def drift_check_keys(shop: Shop) -> list[dg.AssetCheckKey]:
    """One check per subject that drifts; none where drift is switched off."""
    if not shop.settings.drift.enabled:
        return []
    return [dg.AssetCheckKey(shop.key(subject), CHECK) for subject in _drifting(shop)]


def _drifting(shop: Shop) -> list[str]:
    return [name for name, subject in shop.settings.subjects.items() if subject.drifts]


def build_drift_checks(shop: Shop) -> list[dg.AssetChecksDefinition]:
    """One step that measures everything, and reports on each asset selected."""
    keys = drift_check_keys(shop)
    if not keys:
        return []
    specs = [dg.AssetCheckSpec(key.name, asset=key.asset_key, description="As in the weeks before.") for key in keys]

    @dg.multi_asset_check(name=shop.prefixed("drift_of_everything"), specs=specs, can_subset=True)
    @final_failures
    def drift_of_everything(
        context: dg.AssetCheckExecutionContext,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> Iterator[dg.AssetCheckResult]:
        days = lake.partitions(_newest_made(shop))
        measures: list[Measure] = []
        skipped: dict[str, str] = {}
        day = date.fromisoformat(days[-1]) if days else None
        if day is not None:
            with serving.connect() as connection:
                usual = past_values(connection, "recommendations", "hit_rate", day, HIT_RATES)
                measures = measure_day(lake, shop.settings, day, usual)
                skipped = too_young(lake, shop.settings, day)
                record_drift(connection, day, [(one, _status(one, measures)) for one in measures])
        found = by_subject(measures)
        for subject in _drifting(shop):
            key = dg.AssetCheckKey(shop.key(subject), CHECK)
            if key in context.selected_asset_check_keys:
                yield _result(key, found.get(subject, []), day, skipped if subject == "customer_features" else {})

    return [drift_of_everything]


def _newest_made(shop: Shop) -> str:
    """The last of what a day's scoring makes and is compared."""
    return _drifting(shop)[-1]


def _status(one: Measure, measures: list[Measure]) -> Literal["ok", "warn", "error"]:
    """What is stored of a measure: its own status, softened where the subject's verdict is milder."""
    of_subject = verdict(by_subject(measures)[one.subject])
    return "warn" if one.status == "error" and of_subject == "warn" else one.status


def _result(
    key: dg.AssetCheckKey, measures: list[Measure], day: date | None, skipped: Mapping[str, str]
) -> dg.AssetCheckResult:
    from ml_assets.plots.drift import drift_png  # noqa: PLC0415 Matplotlib imports slowly, and few runs draw

    status = verdict(measures)
    worst = sorted(measures, key=lambda one: one.status == "ok")
    words = " ".join(one.detail for one in worst if one.status != "ok") or f"{len(measures)} measures are as usual."
    words = f"{day}: {words}" if measures else "Nothing to compare with yet."
    metadata: dict[str, dg.MetadataValue] = {one.metric: dg.MetadataValue.float(one.value) for one in measures}
    if skipped:
        words += f" Skipped while the history is short: {', '.join(skipped)}."
        metadata["skipped"] = dg.MetadataValue.json(dict(skipped))
    if measures:
        metadata = {"plot": image(drift_png(measures), "Drift"), **metadata}
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=status == "ok",
        severity=dg.AssetCheckSeverity.ERROR if status == "error" else dg.AssetCheckSeverity.WARN,
        description=words,
        metadata=metadata,
    )
