"""The check that a newly trained model scores, and what it says where the one before goes on instead.

The rules are in `models/selection/promotion.py`; models are trained in `models.py`.
"""

from collections.abc import Sequence

import dagster as dg

from ml_assets.models.selection.decisions import PlacementDecision
from ml_assets.models.selection.promotion import Decision

PROMOTED = "challengers_are_promoted"


def all_promoted(asset: dg.AssetKey, decisions: Sequence[PlacementDecision]) -> dg.AssetCheckResult:
    """Of the recommenders of all placements."""
    refused = [f"{one.placement}: {one.reason}" for one in decisions if not one.promoted]
    return dg.AssetCheckResult(
        check_name=PROMOTED,
        asset_key=asset,
        passed=not refused,
        description=" ".join(refused) or "Every challenger was promoted.",
        metadata={one.placement: one.reason for one in decisions},
    )


def segmentation_promoted(version: str, decision: Decision) -> dg.AssetCheckResult:
    """Of a segmentation; where it waits for consent, with the commands that give or refuse it."""
    consent = f"`ml-assets segments accept {version} --reason WHY` lets it score; `segments refuse` leaves it."
    return dg.AssetCheckResult(
        check_name=PROMOTED,
        passed=decision.promoted,
        description=decision.reason if decision.promoted else f"{decision.reason} {consent}",
        metadata={**decision.facts},
    )
