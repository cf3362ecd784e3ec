"""The text of a settings file with the reasons for what it says."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import available_timezones

from ml_assets.settings.columns import EventColumns
from ml_assets.settings.source import KINDS
from ml_assets.sources.guess.columns import NOTHING, Choice
from ml_assets.sources.guess.proposal import Proposal

# What YAML 1.2 reads as the same text without quotes.
UNQUOTED = re.compile(r"[A-Za-z_/.*][A-Za-z0-9_/.*-]*")
UNUSED_SHOWN = 20
WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def settings_text(found: Proposal, timezone: str, *, folder: Path) -> str:
    """A YAML file for the proposal; paths within `folder`, where the file will lie, are relative to it."""
    return "\n".join(_lines(found, timezone, folder)) + "\n"


def unused_in_words(found: Proposal) -> str:
    """The columns that nothing is taken from, with what they hold."""
    listed = [f"{column} ({words})" for column, words in found.unused.items()]
    more = f", and {len(listed) - UNUSED_SHOWN} more" if len(listed) > UNUSED_SHOWN else ""
    return ", ".join(listed[:UNUSED_SHOWN]) + more


def this_zone() -> str:
    """The time zone of this machine by its name, UTC where it has none."""
    place = Path("/etc/localtime")
    linked = str(place.resolve()).partition("zoneinfo/")[2] if place.exists() else ""
    named = [os.environ.get("TZ", ""), linked]
    return next((name for name in named if name in available_timezones() and name != "Etc/UTC"), "UTC")


def _lines(found: Proposal, timezone: str, folder: Path) -> Iterator[str]:
    yield from _heading(found)
    yield ""
    yield "# Days begin and end here, and times without a zone of their own are in it. No data tells it: check it."
    yield f"timezone: {_scalar(timezone)}"
    yield ""
    yield "source:"
    paths = KINDS[found.kind].paths
    yield f"  kind: {found.kind}"
    yield f"  # {found.looked_at}"
    yield from (f"  # {line}" for line in found.advice)
    for name, place in found.place.items():
        if name != "kind":
            yield f"  {name}: {_scalar(_relative(place, folder) if name in paths else place)}"
    yield "  columns:"
    yield from _choices(found.ordered, "    ")
    if unused := [name for name in EventColumns.model_fields if name not in found.columns]:
        yield f"    # nothing found for: {', '.join(unused)}"
    if found.unused:
        yield f"    # not used: {unused_in_words(found)}"
    places = {name: replace(choice, text=_relative(choice.text, folder)) for name, choice in found.source.items()
              if name in paths}  # fmt: skip
    yield from _choices({**found.source, **places}, "  ")
    for name, (value, why) in found.structured.items():
        yield f"  # {why}"
        yield f"  {name}: {json.dumps(value, ensure_ascii=False)}"
    if found.left_alone:
        others = (
            found.left_alone if found.database or found.url else [_relative(path, folder) for path in found.left_alone]
        )
        yield f"  # left alone: {', '.join(others)}"
    if found.rules:
        yield ""
        yield "events:"
        for name, choice in found.rules.items():
            yield f"  {name}: {choice.text}  # {choice.why}"
    yield ""
    yield "# Where the lists go: set the variable DATABASE_URL to your PostgreSQL (14 to 18). Unset, an embedded one is"
    yield "# started in .ml_assets beside this file."


def _heading(found: Proposal) -> Iterator[str]:
    yield f"# Written by `ml-assets init` on {datetime.now(UTC):%Y-%m-%d}; edit it freely."
    yield "# Every key with its default is in docs/settings.md; unknown keys are refused."
    yield from (f"# LIKELY WRONG: {doubt.problem} {doubt.next_step}" for doubt in found.doubts)
    if found.shape:
        yield f"# The data looks like {found.shape}. {found.note}"


def _choices(choices: Mapping[str, Choice], indent: str) -> Iterator[str]:
    for name, choice in choices.items():
        text = NOTHING if choice.text == NOTHING and name in ("customer", "item") else _scalar(choice.text)
        yield f"{indent}{name}: {text}  # {choice.why}"


def _scalar(text: str) -> str:
    is_plain = UNQUOTED.fullmatch(text) and not text.startswith("*") and text.lower() not in WORDS
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _relative(events: str, folder: Path) -> str:
    if "://" in events:
        return events
    path = Path(events).expanduser().absolute()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
