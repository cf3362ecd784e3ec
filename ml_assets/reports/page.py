"""One page of HTML without anything to load: styles and pictures are in it, so that it can be mailed, kept and printed.

The frame of all pages belongs here, and how numbers are written; what a page says is in the file beside it.
"""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **facts: Any) -> str:
    """The page of a template with its facts; every text is escaped, and a fact that is missing is an error."""
    return _environment().get_template(template).render(**facts)


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("ml_assets.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"number": number, "percent": percent}
    return found


def number(value: float | None, digits: int = 0) -> str:
    """1234.5 as 1,234; a dash for nothing."""
    return "\N{EN DASH}" if value is None else f"{value:,.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    """0.123 as 12 %; a dash for nothing."""
    return "\N{EN DASH}" if share is None else f"{share * 100:.{digits}f} %"
