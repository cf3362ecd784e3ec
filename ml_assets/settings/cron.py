"""Moments that come again and again, as cron writes them: five fields of numbers."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

FIELDS = (("minutes", 0, 59), ("hours", 0, 23), ("days of the month", 1, 31), ("months", 1, 12), ("weekdays", 0, 7))
LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of the months, at most."""
PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/([1-9]\d?))?")


def _checked(text: str) -> str:
    """The text; raises ValueError that names the field which cannot be one."""
    given = text.split()
    if len(given) != len(FIELDS):
        raise ValueError(f"{text!r} has {len(given)} fields, and cron has five: minutes hours days months weekdays")
    for field, (name, least, most) in zip(given, FIELDS, strict=True):
        for part in field.split(","):
            found = PART.fullmatch(part)
            bounds = [int(number) for number in found.groups()[:2] if number] if found else []
            if not found or bounds != sorted(bounds) or any(not least <= number <= most for number in bounds):
                raise ValueError(
                    f"{part!r} in {text!r} is none of the {name} {least} to {most}, such as *, */5 or 8-22"
                )
    # Dagster may refuse such a schedule, and then loads none of the others beside it.
    days, months = _numbers(given[2], 1, 31), _numbers(given[3], 1, 12)
    if min(days) > max(LONGEST[month - 1] for month in months):
        raise ValueError(f"no month of {text!r} has that day")
    return " ".join(given)


def _numbers(field: str, least: int, most: int) -> set[int]:
    """What a field that was checked stands for."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begins = least if first == "*" else int(first)
        ends = int(last) if last else (begins if first != "*" and not step else most)
        found |= set(range(begins, ends + 1, int(step or 1)))
    return found


Cron = Annotated[str, AfterValidator(_checked)]
