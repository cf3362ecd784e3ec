"""Dagster's own freshness policies, for the badges in its UI.

They say whether something ran; whether what is served is recent is said by the checks in `checks/`.
"""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from ml_assets.settings.freshness import FreshnessLimits
from ml_assets.settings.shop import Settings
from ml_assets.subjects import Kind


def with_freshness_policies(
    assets: Sequence[dg.AssetsDefinition], settings: Settings
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets with a policy each, from the limits of their group."""
    kinds: dict[str, Kind] = {
        "raw": "data",
        "features": "features",
        "models": "model",
        "predictions": "predictions",
        "serving": "predictions",
        "experiments": "predictions",
        "quality": "predictions",
        "reports": "model",
    }

    def policy_of(spec: dg.AssetSpec) -> dg.FreshnessPolicy:
        subject = spec.key.path[-1].removesuffix("_release")
        return _policy(settings.freshness.of(kinds[spec.group_name or "raw"], subject), settings.timezone)

    return list(dg.map_asset_specs(lambda spec: dg.apply_freshness_policy(spec, policy_of(spec)), assets))


def _policy(limits: FreshnessLimits, zone: str) -> dg.FreshnessPolicy:
    if limits.due is not None:
        at, own_zone = limits.due
        return dg.FreshnessPolicy.cron(
            deadline_cron=f"{at.minute} {at.hour} * * *",
            # Whatever was made since the evening before counts for the morning.
            lower_bound_delta=timedelta(hours=23),
            timezone=own_zone or zone,
        )
    return dg.FreshnessPolicy.time_window(fail_window=limits.error_after, warn_window=limits.warn_after)
