"""How long a command or a run waits for others before it gives up and says for whom it waited."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from ml_assets.settings.durations import PositiveDuration
from ml_assets.settings.section import Section


class WaitingSettings(Section):
    """How long others are waited for; who they are is said after five seconds."""

    command: PositiveDuration = Field(
        default=timedelta(hours=2), description="For another command that works on the same shop."
    )
    lock: PositiveDuration = Field(
        default=timedelta(minutes=30), description="For a lock in the database that somebody else holds."
    )
