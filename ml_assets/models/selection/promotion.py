"""Champion and challenger: whether a newly trained method of a placement may score.

The rule and its words belong here; it sees numbers only. Both were measured on the same windows, and the registry
keeps what was decided, also when the challenger was refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ml_assets.models.cards import ModelCard
from ml_assets.models.metrics.measures import Measurement, mean_gain
from ml_assets.settings.recommender import SelectionSettings


@dataclass(frozen=True)
class Decision:
    """Whether a challenger scores from now on."""

    promoted: bool
    reason: str
    """Plain sentences, with the numbers."""
    facts: dict[str, float]
    """The numbers by name, for the registry."""


def decide_promotion(
    challenger: Sequence[Measurement],
    yardstick: Sequence[Measurement],
    champion: Sequence[Measurement],
    *,
    is_yardstick: bool,
    trained_through: date,
    champion_through: date | None,
    settings: SelectionSettings,
) -> Decision:
    """Hold a challenger against the yardstick and the champion, if there is one, on the same windows.

    `is_yardstick` says that the challenger is the simple method itself, which has nothing to beat but the champion.
    Without windows, where the history is too short to judge, only the dates decide.
    """
    facts: dict[str, float] = {}
    refusals: list[str] = []
    if champion_through is not None and trained_through < champion_through:
        refusals.append(f"it has seen data up to {trained_through}, the champion up to {champion_through}")
    if challenger:
        facts |= {"ndcg": _mean(challenger, "ndcg"), "coverage": _mean(challenger, "coverage")}
        facts["gain_over_yardstick"] = mean_gain(challenger, yardstick)
        if not is_yardstick and facts["gain_over_yardstick"] <= 0:
            refusals.append(f"it scores {facts['gain_over_yardstick']:+.1%} NDCG against the simple method")
    if challenger and champion:
        facts |= {"champion_ndcg": _mean(champion, "ndcg"), "champion_coverage": _mean(champion, "coverage")}
        facts["gain_over_champion"] = mean_gain(challenger, champion)
        if facts["gain_over_champion"] < -settings.margin:
            refusals.append(
                f"it scores {facts['gain_over_champion']:+.1%} NDCG against the champion, and the margin is "
                f"{settings.margin:.1%}"
            )
        least = settings.min_coverage * facts["champion_coverage"]
        if facts["coverage"] < least:
            refusals.append(
                f"it shows {facts['coverage']:.2%} of the items, less than {settings.min_coverage:.0%} of the "
                f"champion's {facts['champion_coverage']:.2%}"
            )
    if refusals:
        return Decision(promoted=False, reason=f"Refused: {'; '.join(refusals)}.", facts=facts)
    return Decision(promoted=True, reason=f"Promoted: {_why_promoted(facts, champion_through)}.", facts=facts)


def decide_segmentation(moved: float | None, *, most: float) -> Decision:
    """Whether a new segmentation scores: not when it moves more than the share `most` of the customers by itself."""
    if moved is None:
        return Decision(promoted=True, reason="Promoted: the first segmentation.", facts={})
    facts = {"moved": moved, "most_moved": most}
    if moved > most:
        return Decision(
            promoted=False,
            reason=f"Refused: it moves {moved:.1%} of the customers to another segment, and at most {most:.0%} may "
            "move without somebody's consent.",
            facts=facts,
        )
    return Decision(promoted=True, reason=f"Promoted: it moves {moved:.1%} of the customers.", facts=facts)


def decide_value(card: ModelCard) -> Decision:
    """A newly trained customer value model always scores: it is the best of several methods on the newest days."""
    facts, chosen = card.metrics, card.parameters
    if "mae" not in facts:
        words = f"the next 90 days are taken to be as the last. {chosen['why_no_contest']}"
        return Decision(promoted=True, reason=f"Promoted: {words}", facts={})
    gain = 1 - facts["mae"] / facts["last_90d_mae"] if facts["last_90d_mae"] else 0.0
    what = chosen.get("spend_counts", "spend")
    reason = (
        f"Promoted: {what} by {chosen['spend_method']}, mean error {facts['mae']:.2f} where the last 90 days have "
        f"{facts['last_90d_mae']:.2f} ({-gain:+.1%}); orders by {chosen['alive_method']}, Brier {facts['brier']:.4f}."
    )
    names = ("mae", "spearman", "brier", "total", "last_90d_mae")
    return Decision(promoted=True, reason=reason, facts={name: facts[name] for name in names})


def _why_promoted(facts: dict[str, float], champion_through: date | None) -> str:
    if "gain_over_champion" in facts:
        return (
            f"NDCG {facts['ndcg']:.4f} against the champion's {facts['champion_ndcg']:.4f} "
            f"({facts['gain_over_champion']:+.1%}) on the same windows, with newer data"
        )
    if "ndcg" in facts:
        first = "the first model of this placement" if champion_through is None else "the champion cannot be judged"
        return f"{first}; NDCG {facts['ndcg']:.4f}, {facts['gain_over_yardstick']:+.1%} against the simple method"
    return "the history is too short to judge, and newer data beat older"


def _mean(measures: Sequence[Measurement], name: str) -> float:
    values = [one.ndcg if name == "ndcg" else float(getattr(one.facts, name)) for one in measures]
    return sum(values) / len(values)
