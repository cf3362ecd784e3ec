"""Who takes part in a study: which methods suit a placement, who learns for whom, and on which customers.

Rules about names and rows only; measuring and choosing are done elsewhere.
"""

from collections.abc import Mapping

import polars as pl

from ml_assets.methods import METHODS, SOURCES
from ml_assets.models.placements import REPEATS

QUICK = [name for name, source in SOURCES.items() if source.is_quick]
"""Recommenders that compete beside the yardsticks where the effort is quick."""

SHARED = {"buy_again": "for_you"}
"""Placements that use the combination of another one, which ranks what was bought before as well."""


def taught(placement: str) -> str:
    """The placement for which the combinations of this one learn."""
    return SHARED.get(placement, placement)


def suits(source: str, placement: str) -> bool:
    """Whether a source may fill a placement: what says nothing of repeats does not rank them."""
    return SOURCES[source].repeats or REPEATS[placement] != "only"


def off_in_words(off: Mapping[str, str]) -> list[str]:
    """One sentence per reason to switch methods off."""
    reasons = dict.fromkeys(off.values())
    return [
        f"Switched off: {', '.join(METHODS[name].words for name, why in off.items() if why == reason)} ({reason})."
        for reason in reasons
    ]


def sampled(events: pl.LazyFrame, most: int) -> pl.LazyFrame:
    """The events of every n-th customer in the order of ids, so that at most `most` remain; nothing is random."""
    customers = events.select(pl.col("customer_id").unique()).collect()["customer_id"].sort()
    if len(customers) <= most:
        return events
    kept = customers.gather_every(-(-len(customers) // most))
    return events.filter(pl.col("customer_id").is_in(kept.implode()))
