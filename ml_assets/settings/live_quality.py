"""What the lists that are live are held to."""

from __future__ import annotations

from pydantic import Field

from ml_assets.settings.section import Section


class LiveQualitySettings(Section):
    """When lists that are live are told to be worse than the backtest of their model promised."""

    days_below: int = Field(
        default=7,
        ge=1,
        le=60,
        description="Days in a row below what is to be expected at least, after which it is told.",
    )
