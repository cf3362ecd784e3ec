"""Whether customers of a shop buy the same thing again, measured on its past, and what follows for its lists.

The rule belongs here: it is about the shop, not about a method. Where purchases do not recur, as with films, books or
houses, `for_you` leaves out what the customer has and `buy_again` is not made at all.
"""

from dataclasses import dataclass
from typing import Self

from pydantic import JsonValue

from ml_assets.models.selection.capacity import Capacity
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets.settings.shop import Settings

LEAST_SHARE = 0.01
"""Of the purchases after a customer's first order, the share that repeats below which purchases do not recur."""
LEAST_PURCHASES = 100
"""Fewer of them say nothing."""
NEEDS_REPEATS = "buy_again"


@dataclass(frozen=True)
class Repeats:
    """What was measured, and what follows from it."""

    occur: bool
    share: float | None
    """Share of the purchases after a customer's first order that repeat an earlier one; None without any."""
    purchases: int
    """Purchases after a customer's first order."""
    rule: str
    """The number and the rule, in a sentence."""

    @classmethod
    def of(cls, capacity: Capacity, options: RecommenderSettings) -> Self:
        """Measure, unless the settings know better."""
        share = capacity.repeats / capacity.later_purchases if capacity.later_purchases else None
        enough = capacity.later_purchases >= LEAST_PURCHASES
        occur = {
            "auto": not enough or share is None or share >= LEAST_SHARE,
            "occur": True,
            "do_not_occur": False,
        }[options.repeats]
        return cls(occur, share, capacity.later_purchases, _words(capacity, share, options, occur=occur, enough=enough))

    def applied(self, settings: Settings) -> Settings:
        """The settings with what follows: without the list that needs repeats where there are none."""
        options = settings.recommender
        placements = options.placements
        if not self.occur:
            unmade = getattr(placements, NEEDS_REPEATS).model_copy(update={"enabled": False})
            placements = placements.model_copy(update={NEEDS_REPEATS: unmade})
        decided = {"repeats": "occur" if self.occur else "do_not_occur", "placements": placements}
        return settings.model_copy(update={"recommender": options.model_copy(update=decided)})

    def left_out(self, options: RecommenderSettings) -> dict[str, str]:
        """Lists that the settings ask for and the shop cannot have, each with the reason."""
        wanted = NEEDS_REPEATS in options.enabled_placements and not self.occur
        return {NEEDS_REPEATS: f"Not made: {self.rule[:1].lower()}{self.rule[1:]}"} if wanted else {}

    def metrics(self) -> dict[str, float]:
        """For the model card's figures."""
        return {} if self.share is None else {"repeat_share": round(self.share, 6)}

    def facts(self) -> dict[str, JsonValue]:
        """For the model card."""
        return {"occur": self.occur, "share": self.share, "purchases": self.purchases, "rule": self.rule}


def _words(capacity: Capacity, share: float | None, options: RecommenderSettings, *, occur: bool, enough: bool) -> str:
    measured = (
        f"{capacity.repeats:,} of {capacity.later_purchases:,} purchases after a customer's first order "
        f"({share or 0:.1%}) repeat an earlier one"
    )
    follows = "" if occur else " for_you leaves out what the customer bought, and buy_again is not made."
    if options.repeats != "auto":
        return f"{measured}; recommender.repeats is {options.repeats}.{follows}"
    if not enough:
        return f"{measured}; fewer than {LEAST_PURCHASES} say nothing, so repeats are allowed."
    return f"{measured}, {'not ' if occur else ''}under {LEAST_SHARE:.0%}.{follows}"
