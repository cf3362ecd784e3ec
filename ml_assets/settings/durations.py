"""Lengths of time as people write them in settings."""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(value: object) -> object:
    """`30h` or `2d` as a timedelta; anything else as it is, for pydantic to read or refuse."""
    if isinstance(value, str) and value[:-1].isdigit() and value[-1] in UNITS:
        return timedelta(**{UNITS[value[-1]]: int(value[:-1])})
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), Field(ge=timedelta(0))]
