"""At which age things are stale."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Literal
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from ml_assets.settings.section import Section

Subject = Literal[
    "transactions",
    "interactions",
    "customer_features",
    "recommender_model",
    "segmentation_model",
    "recommendations",
    "segment_assignments",
    "similar_items",
    "popular_items",
]
DEADLINE = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?: (\S+))?")


class FreshnessLimits(Section):
    """Ages at which a subject is late (warn) and stale (error), or a time of day by which it must be there."""

    warn_after: timedelta = Field(
        default=timedelta(hours=30),
        description="Hours such as 30h, days such as 2d, ISO 8601 (PT30H), or dbt's {count: 30, period: hour}.",
    )
    error_after: timedelta = Field(default=timedelta(hours=54), description="As warn_after, and later.")
    deadline: str | None = Field(
        default=None,
        description="Instead of the ages: a business day must be there by this time of the day after it, "
        "`HH:MM`, or `HH:MM Europe/Berlin` in another zone than the shop's.",
    )

    @field_validator("warn_after", "error_after", mode="before")
    @classmethod
    def _short_durations(cls, value: object) -> object:
        units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
        if isinstance(value, str) and value[:-1].isdigit() and value[-1] in units:
            return timedelta(**{units[value[-1]]: int(value[:-1])})
        if isinstance(value, dict):
            if set(value) != {"count", "period"} or value["period"] not in ("minute", "hour", "day"):
                raise ValueError("write 30h, 2d, PT30H, or {count: 30, period: minute, hour or day}")
            return timedelta(**{f"{value['period']}s": float(value["count"])})
        return value

    @field_validator("deadline")
    @classmethod
    def _readable_deadline(cls, value: str | None) -> str | None:
        found = DEADLINE.fullmatch(value) if value is not None else None
        if value is not None and found is None:
            raise ValueError("write HH:MM, or HH:MM and a time zone such as Europe/Berlin")
        if found and found[3] and found[3] not in available_timezones():
            raise ValueError(f"the zone {found[3]} is not an IANA time zone; use a name such as Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _warn_first(self) -> FreshnessLimits:
        if self.error_after <= self.warn_after:
            raise ValueError("error_after must be longer than warn_after")
        return self

    @property
    def due(self) -> tuple[time, str | None] | None:
        """The deadline's time of day and its zone (None: the shop's)."""
        found = DEADLINE.fullmatch(self.deadline) if self.deadline else None
        return (time(int(found[1]), int(found[2])), found[3]) if found else None


class VolumeLimits(Section):
    """Rows of the newest day, as a share of the median of the same weekday before."""

    warn_below: float = Field(default=0.4, ge=0, le=1, description="A smaller share is suspicious. 0: never.")
    error_below: float = Field(default=0.1, ge=0, le=1, description="A smaller share is a broken feed. 0: never.")
    weeks: int = Field(default=8, ge=3, le=52, description="Weeks compared with; fewer than three judge nothing.")

    @model_validator(mode="after")
    def _warn_first(self) -> VolumeLimits:
        if self.error_below > self.warn_below:
            raise ValueError("error_below must not be larger than warn_below")
        return self


class FreshnessSettings(Section):
    """Ages count from the end of the newest day contained, in the shop's time zone, on business days only."""

    data: FreshnessLimits = FreshnessLimits()
    features: FreshnessLimits = FreshnessLimits()
    model: FreshnessLimits = FreshnessLimits(warn_after=timedelta(days=8), error_after=timedelta(days=15))
    predictions: FreshnessLimits = FreshnessLimits()
    subjects: dict[Subject, FreshnessLimits] = Field(
        default={},
        description="Limits of single subjects, e.g. {recommendations: {deadline: 07:00 Europe/Berlin}}. Subjects: "
        "transactions, interactions, customer_features, recommender_model, segmentation_model, recommendations, "
        "segment_assignments, similar_items, popular_items.",
    )
    volume: VolumeLimits = VolumeLimits()

    def of(self, kind: Literal["data", "features", "model", "predictions"], subject: str) -> FreshnessLimits:
        """The limits of a subject: its own, else those of its kind."""
        own = {str(name): limits for name, limits in self.subjects.items()}
        limits: FreshnessLimits = own.get(subject) or getattr(self, kind)
        return limits
