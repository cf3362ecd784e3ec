"""The page about the shop that Dagster writes every week."""

from __future__ import annotations

from pydantic import Field

from ml_assets.settings.section import Section


class ReportSettings(Section):
    """The weekly page; `ml-assets report` writes one at any time."""

    weekly: bool = Field(default=True, description="Write the page every Monday, at schedules.report_at, into home.")
    keep: int = Field(default=26, ge=1, le=1000, description="Pages that are kept in home/reports; older ones go.")
    channels: list[str] = Field(
        default=[],
        description="Channels of alerts.channels that get its summary and the place of the page. Empty: none.",
    )
