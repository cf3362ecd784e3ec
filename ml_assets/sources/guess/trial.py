"""Trying proposed settings out on the newest days, as a run would read them."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source

DAYS_TRIED = 28


@dataclass(frozen=True)
class Trial:
    """What the settings make of the newest days."""

    first: date
    last: date
    lines: pl.DataFrame
    """As a source hands them over (`sources.base.LINE_COLUMNS`)."""
    items: pl.DataFrame
    """The catalogue, as far as there is one."""


def try_out(settings: Mapping[str, Any], timezone: str, today: date) -> Trial:
    """Read the newest days with these settings; raises `UserError` as a run would."""
    with tempfile.TemporaryDirectory() as home:
        shop = Settings.model_validate({"home": Path(home), "timezone": timezone, "source": settings})
        source = build_source(shop, today=today)
        source.id_types()
        covered = source.days()
        first = max(covered.first, covered.last - timedelta(days=DAYS_TRIED - 1))
        return Trial(covered.first, covered.last, source.read_lines(first, covered.last), source.read_items())
