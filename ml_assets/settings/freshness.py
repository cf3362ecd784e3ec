"""At which age things are stale."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator, model_validator

from ml_assets.settings.section import Section


class FreshnessLimits(Section):
    """Ages at which a subject is late (warn) and stale (error)."""

    warn_after: timedelta = Field(description="Hours such as 30h, days such as 2d, or ISO 8601 (PT30H).")
    error_after: timedelta = Field(description="As warn_after, and later.")

    @field_validator("warn_after", "error_after", mode="before")
    @classmethod
    def _short_durations(cls, value: object) -> object:
        units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
        if isinstance(value, str) and value[:-1].isdigit() and value[-1] in units:
            return timedelta(**{units[value[-1]]: int(value[:-1])})
        return value

    @model_validator(mode="after")
    def _warn_first(self) -> FreshnessLimits:
        if self.error_after <= self.warn_after:
            raise ValueError("error_after must be longer than warn_after")
        return self


class FreshnessSettings(Section):
    """Ages count from the end of the newest day contained, in the shop's time zone."""

    data: FreshnessLimits = FreshnessLimits(warn_after=timedelta(hours=30), error_after=timedelta(hours=54))
    features: FreshnessLimits = FreshnessLimits(warn_after=timedelta(hours=30), error_after=timedelta(hours=54))
    model: FreshnessLimits = FreshnessLimits(warn_after=timedelta(days=8), error_after=timedelta(days=15))
    predictions: FreshnessLimits = FreshnessLimits(warn_after=timedelta(hours=30), error_after=timedelta(hours=54))
