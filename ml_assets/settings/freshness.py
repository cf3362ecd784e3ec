"""At which age things are stale."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import time, timedelta
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ml_assets.settings.durations import Positive, parse_duration, plain_duration
from ml_assets.settings.section import Section
from ml_assets.subjects import SUBJECTS, Kind

if TYPE_CHECKING:
    SubjectName = str
else:
    # For the schema, and for messages that name what is allowed.
    SubjectName = Literal[*SUBJECTS]
DEADLINE = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?: (\S+))?")


def _read_age(value: object) -> object:
    if isinstance(value, dict):
        if set(value) != {"count", "period"} or value["period"] not in ("minute", "hour", "day"):
            raise ValueError("write 30h, 2d, PT30H, or {count: 30, period: minute, hour or day}")
        return timedelta(**{f"{value['period']}s": float(value["count"])})
    return parse_duration(value)


Age = Annotated[timedelta, BeforeValidator(_read_age), Positive]
AGES = ("warn_after", "error_after")
WARN = "Hours such as 30h, days such as 2d, ISO 8601 (PT30H), or dbt's {count: 30, period: hour}."
ERROR = "As warn_after, and later."


def _readable_deadline(value: str | None) -> str | None:
    found = DEADLINE.fullmatch(value) if value is not None else None
    if value is not None and found is None:
        raise ValueError("write HH:MM, or HH:MM and a time zone such as Europe/Berlin")
    if found and found[3] and found[3] not in available_timezones():
        raise ValueError(f"the zone {found[3]} is not an IANA time zone; use a name such as Europe/Berlin")
    return value


Deadline = Annotated[str | None, AfterValidator(_readable_deadline)]


class FreshnessLimits(Section):
    """Ages at which a subject is late (warn) and stale (error), or a time of day by which it must be there."""

    warn_after: Age = Field(default=timedelta(hours=30), description=WARN)
    error_after: Age = Field(default=timedelta(hours=54), description=ERROR)
    deadline: Deadline = Field(
        default=None,
        description="Instead of the ages: a business day must be there by this time of the day after it, "
        "`HH:MM`, or `HH:MM Europe/Berlin` in another zone than the shop's.",
    )

    @model_validator(mode="after")
    def _warn_first(self) -> FreshnessLimits:
        _require_order(self.warn_after, self.error_after, self.model_fields_set)
        return self

    @property
    def due(self) -> tuple[time, str | None] | None:
        """The deadline's time of day and its zone (None: the shop's)."""
        found = DEADLINE.fullmatch(self.deadline) if self.deadline else None
        return (time(int(found[1]), int(found[2])), found[3]) if found else None


class ModelLimits(FreshnessLimits):
    """The same of models, which are trained once a week."""

    warn_after: Age = Field(default=timedelta(days=8), description=WARN)
    error_after: Age = Field(default=timedelta(days=15), description=ERROR)


class SubjectLimits(Section):
    """The limits of a single subject; what is unset is that of its kind."""

    warn_after: Age | None = Field(default=None, description=WARN)
    error_after: Age | None = Field(default=None, description=ERROR)
    deadline: Deadline = Field(default=None, description="As that of the kind. An age here takes its place.")

    def over(self, kind: FreshnessLimits) -> FreshnessLimits:
        """These limits, filled up with those of the kind."""
        own = {name: value for name, value in self if value is not None}
        if own.keys() & set(AGES):
            own.setdefault("deadline", None)
        return kind.model_copy(update=own)


def _require_order(warn_after: timedelta, error_after: timedelta, given: Collection[str]) -> None:
    """Refuse limits out of order, naming both and the one to set."""
    if not set(AGES).intersection(given) or warn_after < error_after:
        return
    warn, error = plain_duration(warn_after), plain_duration(error_after)
    unset = next((name for name in AGES if name not in given), None)
    if unset is None:
        raise ValueError(f"error_after ({error}) must be longer than warn_after ({warn})")
    if unset == "warn_after":
        raise ValueError(
            f"error_after ({error}) must be longer than warn_after, which is {warn} unless set; "
            f"set warn_after as well, to less than {error}"
        )
    raise ValueError(
        f"warn_after ({warn}) must be shorter than error_after, which is {error} unless set; "
        f"set error_after as well, to more than {warn}"
    )


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
    model: ModelLimits = ModelLimits()
    predictions: FreshnessLimits = FreshnessLimits()
    subjects: dict[SubjectName, SubjectLimits] = Field(
        default={},
        description="Limits of single subjects, e.g. {recommendations: {deadline: 07:00 Europe/Berlin}}. What "
        f"a subject leaves unset is that of its kind. Subjects: {', '.join(SUBJECTS)}.",
    )
    volume: VolumeLimits = VolumeLimits()

    @model_validator(mode="after")
    def _warn_first_of_subjects(self) -> FreshnessSettings:
        for subject, own in self.subjects.items():
            limits = self.of(SUBJECTS[subject].kind, subject)
            given = {name for name in AGES if getattr(own, name) is not None}
            try:
                _require_order(limits.warn_after, limits.error_after, given)
            except ValueError as error:
                raise ValueError(f"subjects.{subject}: {error}") from None
        return self

    def of(self, kind: Kind, subject: str) -> FreshnessLimits:
        """The limits of a subject: its own, else those of its kind."""
        limits: FreshnessLimits = getattr(self, kind)
        return self.subjects[subject].over(limits) if subject in self.subjects else limits
