"""From a file, folder or URL to settings that read it, with a trial of them on the newest days.

The order of looking belongs here: known shapes, names and values, the spread of order fields, the order of day and
month, and then loading as a run would.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import EventColumns, FilesSource
from ml_assets.sources.columns import Reading
from ml_assets.sources.faults import FAULTS, unreadable_file
from ml_assets.sources.files import Files
from ml_assets.sources.first_look import refuse_headers_on_first_lines
from ml_assets.sources.formats.csv import find_dialect
from ml_assets.sources.formats.open import format_of, open_table
from ml_assets.sources.guess.columns import REQUIRED, Choice, guess_columns
from ml_assets.sources.guess.shapes import known_shape, with_columns_of

SAMPLE = 20_000
"""Lines that are looked at."""
DAYS_TRIED = 28


@dataclass(frozen=True)
class Proposal:
    """Settings for a source, each with the reason for it."""

    events: str
    """The file, folder or URL as it was given."""
    files: int
    format: str
    """For people: format, encoding, separator."""
    have: list[str]
    """Columns of the newest file."""
    columns: dict[str, Choice]
    source: dict[str, Choice] = field(default_factory=dict)
    rules: dict[str, Choice] = field(default_factory=dict)
    """Keys of the section events, as YAML."""
    shape: str = ""
    note: str = ""

    @property
    def missing(self) -> list[str]:
        """Required fields for which no column was found."""
        return [name for name in REQUIRED if name not in self.columns]

    def settings(self) -> dict[str, Any]:
        """The section source as a mapping."""
        columns = {name: choice.text for name, choice in self.columns.items()}
        return {"kind": "files", "events": self.events, "columns": columns} | {
            name: choice.text for name, choice in self.source.items()
        }


def propose(events: str) -> Proposal:
    """Look at the newest file; raises `UserError` where there is none, or it cannot be read."""
    settings = FilesSource(kind="files", events=events)
    with tempfile.TemporaryDirectory() as home:
        paths = Files(Settings(home=Path(home), source=settings), settings, today=date.max).event_paths
    newest = paths[-1]
    try:
        sample = open_table(newest, settings, ()).head(SAMPLE).collect()
        kind = format_of(newest, settings) or "csv"
        words = kind if kind != "csv" else f"CSV, {find_dialect(newest, settings, ()).in_words()}"
    except FAULTS as error:
        raise unreadable_file(newest, error) from None
    have = sample.columns
    found = Proposal(events, len(paths), words, have, {})
    if sample.is_empty():
        raise UserError(f"{newest} has a header and no lines.", "Give a file that has some.", code="source.unreadable")
    reading = Reading("UTC", tuple(word.lower() for word in settings.null_words))
    guessed = guess_columns(sample, reading)
    if shape := known_shape(have):
        why = f"as {shape.name} has it"
        columns = {name: Choice(text, why) for name, text in _in_file(shape.columns, have).items()}
        source = {name: Choice(text, shape.note) for name, text in _in_file(shape.source, have).items()}
        rules = {name: Choice(str(value), why) for name, value in shape.events.items()}
        found = replace(found, shape=shape.name, note=shape.note, columns=columns, source=source, rules=rules)
        guessed = {name: choice for name, choice in guessed.items() if name in REQUIRED}
    return _with_order_fields(replace(found, columns={**guessed, **found.columns}), sample, reading)


@dataclass(frozen=True)
class Trial:
    """What the settings make of the newest days."""

    first: date
    last: date
    lines: pl.DataFrame
    """As a source hands them over (`sources.base.LINE_COLUMNS`)."""


def try_out(settings: Mapping[str, Any], timezone: str, today: date) -> Trial:
    """Read the newest days with these settings; raises `UserError` as a run would."""
    source = FilesSource.model_validate(settings)
    with tempfile.TemporaryDirectory() as home:
        files = Files(Settings(home=Path(home), timezone=timezone, source=source), source, today=today)
        files.id_types()
        covered = files.days()
        first = max(covered.first, covered.last - timedelta(days=DAYS_TRIED - 1))
        return Trial(covered.first, covered.last, files.read_lines(first, covered.last))


def _in_file(texts: Mapping[str, str | tuple[str, ...]], have: list[str]) -> dict[str, str]:
    """What a shape says, in the file's own names, as far as its columns are there."""
    found = {}
    for name, several in texts.items():
        for text in (several,) if isinstance(several, str) else several:
            if (there := with_columns_of(text, have)) is not None:
                found[name] = there
                break
    return found


def _with_order_fields(found: Proposal, sample: pl.DataFrame, reading: Reading) -> Proposal:
    """Customer and time stand on the first line of an order only: noticed in the sample."""
    if found.missing or "order" not in found.columns or "order_fields" in found.source:
        return found
    columns = {name: choice.text for name, choice in found.columns.items() if choice.text in sample.columns}
    if not set(REQUIRED) <= set(columns):
        return found
    try:
        refuse_headers_on_first_lines({found.events: sample.lazy()}, EventColumns(**columns), reading)
    except UserError as error:
        why = error.problem.partition(": ")[2]
        return replace(found, source={**found.source, "order_fields": Choice("first_line", why)})
    return found
