"""When features, scores or customers have changed too much."""

from __future__ import annotations

from pydantic import Field

from ml_assets.settings.section import Section


class DriftSettings(Section):
    """Thresholds of drift. The defaults do not cry on the Christmas of real grocery data; two signs make an error."""

    enabled: bool = Field(default=True, description="Measure drift after every daily scoring.")
    reference_days: list[int] = Field(
        default=[7, 14, 21, 28], min_length=1, description="Days ago that today is compared with, same weekdays."
    )
    psi_warn: float = Field(default=0.2, gt=0, description="Population stability index: changed.")
    psi_error: float = Field(default=0.5, gt=0, description="Population stability index: another population.")
    distance_warn: float = Field(
        default=0.5, gt=0, description="Wasserstein distance of scores in their interquartile range: changed."
    )
    distance_error: float = Field(default=1.5, gt=0, description="As distance_warn.")
    unseen_warn: float = Field(
        default=0.15,
        gt=0,
        le=1,
        description="Share of a day's customers, or lines' items, never seen before: of those that are not new on a "
        "usual day of the shop.",
    )
    unseen_error: float = Field(default=0.4, gt=0, le=1, description="As unseen_warn.")
    hit_rate_days: int = Field(default=7, ge=1, le=60, description="Days after which lists are held to purchases.")
    hit_rate_warn: float = Field(default=0.7, gt=0, lt=1, description="Below this share of the usual hit rate.")
    hit_rate_error: float = Field(default=0.4, gt=0, lt=1, description="As hit_rate_warn.")
    retrain: bool = Field(default=True, description="Train the week's models where they are missing and drift is seen.")
