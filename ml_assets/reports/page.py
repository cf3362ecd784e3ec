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
    found.filters |= {
        "number": number,
        "percent": percent,
        "short": short,
        "duration": duration,
        "bytes": bytes_,
    }
    return found


def number(value: float | None, digits: int = 0) -> str:
    """1234.5 as 1,234; a dash for nothing."""
    return "\N{EN DASH}" if value is None else f"{value:,.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    """0.123 as 12 %, on one line; a dash for nothing."""
    return "\N{EN DASH}" if share is None else f"{share * 100:.{digits}f}\N{NO-BREAK SPACE}%"


def short(text: object, most: int = 90) -> str:
    """A text of the shop without line breaks, cut at so many characters."""
    line = " ".join(str("" if text is None else text).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def bytes_(size: int) -> str:
    """Bytes in the unit that people read."""
    unit, scale = next(((name, by) for name, by in (("GB", 1e9), ("MB", 1e6)) if size >= by), ("kB", 1e3))
    return f"{size / scale:,.1f} {unit}"
