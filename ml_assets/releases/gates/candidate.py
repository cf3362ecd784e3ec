"""What is judged before it goes live, and what one gate says about it.

Only the two shapes belong here; the gates are in `gates.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from ml_assets.releases.gates.live_sample import LiveSample
from ml_assets.releases.gates.shown_lists import ShownLists
from ml_assets.settings.serving import GateSettings
from ml_assets.subjects import Table


@dataclass(frozen=True)
class Candidate:
    """A release before it is live."""

    subject: Table
    frame: pl.DataFrame
    """As `rows.checked` returned it."""
    lists: ShownLists
    """What readers would see of the lists; of very many, of some, which is enough for shares."""
    segments: pl.DataFrame | None = None
    active: pl.Series | None = None
    """Customers that must be covered."""
    best_sellers: frozenset[str] = frozenset()
    """Placements whose method is best-sellers, because nothing better was found: they may be alike."""
    limits: GateSettings = field(default_factory=GateSettings)
    live: LiveSample | None = None
    """What readers see now; of segments of an older day, what the history has of it. Without it nothing is compared."""
    is_newer: bool = False
    """Whether its day is after the live one's."""
    unavailable_share: float = 0.0
    """The share of the items shown that cannot be had now."""

    @property
    def keys(self) -> int:
        """Different customers, items or scopes."""
        return self.frame[self.subject.keys[0]].n_unique()

    @property
    def is_small(self) -> bool:
        """Too small for shares to mean anything."""
        return self.frame.height < self.limits.judge_from


@dataclass(frozen=True)
class Verdict:
    """What one gate says."""

    sentence: str | None = None
    """What is wrong, for people; None where it passes."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """What it measured, by name; shares are 0 to 1."""
