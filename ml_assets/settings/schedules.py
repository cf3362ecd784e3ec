"""When things run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ml_assets.settings.cron import Cron
from ml_assets.settings.section import Section


class ScheduleSettings(Section):
    """When things run, in the shop's time zone."""

    enabled: bool = Field(default=True, description="Schedules are on as soon as Dagster runs.")
    daily_at: str = Field(default="03:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Daily scoring, HH:MM.")
    weekly_at: str = Field(default="04:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Training, Mondays.")
    report_at: str = Field(
        default="07:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="The page about the shop, Mondays."
    )
    since_last: Cron | None = Field(
        default=None,
        description="When lists are made anew inside the day, as of `ml-assets run --since-last`: five fields of cron, "
        'such as "*/15 8-22 * * *". Unset: never by itself.',
    )
    check_source_every: int = Field(
        default=15, ge=1, le=1440, description="Minutes between looks at the source for arrived or changed days."
    )
    catch_up_days: int = Field(
        default=14, ge=1, le=366, description="Days looked at: missing ones are loaded, changed ones loaded again."
    )
    executor: Literal["in_process", "multiprocess", "docker", "kubernetes"] = Field(
        default="in_process",
        description="Where the steps of Dagster's runs work: one after the other in one process, or in a process, "
        "container or pod each. `ml-assets run` always works in its own process.",
    )
