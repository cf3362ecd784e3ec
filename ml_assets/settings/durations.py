"""Lengths of time as people write them in settings."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SHORT = re.compile(r"(-?\d+)([smhdw])")


def parse_duration(value: object) -> object:
    """`90s`, `30h` or `2d` as a timedelta; anything else as it is, for pydantic to read or refuse."""
    found = SHORT.fullmatch(value) if isinstance(value, str) else None
    return timedelta(**{UNITS[found[2]]: int(found[1])}) if found else value


def plain_duration(value: timedelta) -> str:
    """A length of time as it is written in settings: `30h`, `2d`."""
    seconds = value.total_seconds()
    if seconds % 3600 or not seconds:
        return f"{seconds:g}s" if seconds % 60 or not seconds else f"{seconds / 60:g}m"
    hours = seconds / 3600
    return f"{hours / 24:g}d" if hours % 24 == 0 else f"{hours:g}h"


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError(f"{plain_duration(value)} is no length of time; write one longer than 0, such as 24h")
    return value


def _not_negative(value: timedelta) -> timedelta:
    if value < timedelta(0):
        raise ValueError(f"{plain_duration(value)} is no length of time; write 0s or more")
    return value


Positive = AfterValidator(_positive)
Duration = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_not_negative)]
PositiveDuration = Annotated[timedelta, BeforeValidator(parse_duration), Positive]
