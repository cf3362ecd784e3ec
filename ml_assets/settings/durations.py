"""Lengths of time as people write them in settings."""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(value: object) -> object:
    """`90s`, `30h` or `2d` as a timedelta; anything else as it is, for pydantic to read or refuse."""
    if isinstance(value, str) and value[:-1].isdigit() and value[-1] in UNITS:
        return timedelta(**{UNITS[value[-1]]: int(value[:-1])})
    return value


def plain_duration(value: timedelta) -> str:
    """A length of time as it is written in settings: `30h`, `2d`."""
    seconds = value.total_seconds()
    if seconds % 3600:
        return f"{seconds:g}s" if seconds % 60 else f"{seconds / 60:g}m"
    hours = seconds / 3600
    return f"{hours / 24:g}d" if hours % 24 == 0 else f"{hours:g}h"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), Field(ge=timedelta(0))]
