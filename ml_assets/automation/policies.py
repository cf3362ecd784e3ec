"""Dagster's own freshness policies, for the badges in its UI.

They say whether something ran; whether what is served is recent is said by the checks in `checks.py`.
"""

from collections.abc import Sequence

import dagster as dg

from ml_assets.settings.freshness import FreshnessLimits
from ml_assets.settings.shop import Settings


def with_freshness_policies(
    assets: Sequence[dg.AssetsDefinition], settings: Settings
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets with a policy each, from the limits of their group."""
    limits = {
        "raw": settings.freshness.data,
        "features": settings.freshness.features,
        "models": settings.freshness.model,
        "predictions": settings.freshness.predictions,
        "serving": settings.freshness.predictions,
    }
    policies = {group: _policy(limit) for group, limit in limits.items()}
    return list(
        dg.map_asset_specs(lambda spec: dg.apply_freshness_policy(spec, policies[spec.group_name or "raw"]), assets)
    )


def _policy(limits: FreshnessLimits) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.time_window(fail_window=limits.error_after, warn_window=limits.warn_after)
