"""Choosing the method of each placement from what was measured on validation windows.

The rule belongs here. It is made for shops nobody has seen: the best method is published where it beats the
yardstick over all windows together, best-sellers surely, and is surely worse than none in any; otherwise the simple
yardstick itself is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_assets.methods import METHODS, PERSONAL, POPULAR, SOURCES
from ml_assets.models.metrics.measures import Measures, certainty, least_certainty, mean_gain

CHAMPION = "champion"
"""The name under which the method that scores now is measured; it competes for promotion, not for being chosen."""

YARDSTICKS = {
    "for_you": ("personal_frequency", "popularity"),
    "discover": ("popularity",),
    "buy_again": ("personal_frequency",),
}
"""The simple methods of each placement, the one for shops with nothing to judge by first."""


def yardsticks_of(placement: str, *, may_repeat: bool) -> tuple[str, ...]:
    """Those of a shop: where nothing is bought twice, what a customer bought most often is no method at all."""
    return tuple(name for name in YARDSTICKS[placement] if may_repeat or SOURCES[name].tier != PERSONAL)


LIKELY, SURE = 0.67, 1.64
"""Standard errors by which a combination and a single method must lie above best-sellers: three times in four, nineteen
times in twenty. Best-sellers often are the best there is, and the best of many is so by chance; a combination is one.

What each customer buys most often is nearly always bettered by what also asks when, and the more so the more is known:
there any gain is enough, and to ask for more costs small shops more than it saves."""

APART = 1.28
"""Standard errors by which the best method must lie above a combination where best-sellers are the yardstick. Little is
hit there, so the best of many is often so by chance. A combination is the safer one: it leans on several, and on these
windows it has learned from less than it will have."""

WORSE = -1.96
"""Standard errors below which a method is surely worse in a window."""

CLOSE = 0.002
"""Of methods within so much of the best gain, the simplest is chosen."""

SIMPLE_FIRST = sorted(METHODS, key=lambda name: METHODS[name].complexity)
"""All methods; those of equal complexity in the order of their rows."""


@dataclass(frozen=True)
class Choice:
    """The method of a placement."""

    placement: str
    method: str
    yardstick: str
    """The best simple method, which it was held against."""
    gain: float
    """Mean relative gain in NDCG over the yardstick, over windows and horizons; 0 for the yardstick itself."""
    reason: str
    """One sentence."""


def choose(measures: Measures, placement: str) -> Choice:
    """The best method that passes, or the best yardstick.

    Raises ValueError where no yardstick was measured.
    """
    competing = [method for method in measures.methods(placement) if method != CHAMPION]
    found = {method: measures.of(placement, method) for method in competing}
    yardsticks = [name for name in YARDSTICKS[placement] if name in found]
    if not yardsticks:
        raise ValueError(f"no yardstick of {placement} was measured")
    yardstick = yardsticks[0]
    for name in yardsticks[1:]:
        # Of equal ones the later: where nobody buys again, what each bought most often is best-sellers by another name.
        if mean_gain(found[name], found[yardstick]) >= 0:
            yardstick = name
    base = found[yardstick]
    gains = {name: mean_gain(rows, base) for name, rows in found.items() if name not in yardsticks}
    passing = {
        name: gain
        for name, gain in gains.items()
        if gain > 0
        and certainty(found[name], base) >= _needed(name, yardstick)
        and all(least_certainty(found[name], found[other]) > WORSE for other in yardsticks)
    }
    if not passing:
        return Choice(placement, yardstick, yardstick, 0.0, _nothing_better(yardstick, gains))
    method = _simplest_of_best(passing)
    combinations = {name: gain for name, gain in passing.items() if name not in SOURCES}
    if combinations and SOURCES[yardstick].tier == POPULAR:
        safer = _simplest_of_best(combinations)
        if certainty(found[method], found[safer]) < APART:
            method = safer
    windows = len({one.cutoff for one in base})
    reason = (
        f"{_capital(METHODS[method].words)} scored {passing[method]:+.1%} NDCG against {METHODS[yardstick].words} "
        f"over {windows} window{'s' if windows > 1 else ''}, surely worse in none."
    )
    return Choice(placement, method, yardstick, passing[method], reason)


def _needed(method: str, yardstick: str) -> float:
    if SOURCES[yardstick].tier != POPULAR:
        return 0.0
    return SURE if method in SOURCES else LIKELY


def _simplest_of_best(gains: Mapping[str, float]) -> str:
    best = max(gains.values())
    return next(name for name in SIMPLE_FIRST if gains.get(name, -1.0) >= best - CLOSE)


def _nothing_better(yardstick: str, gains: dict[str, float]) -> str:
    if not gains:
        return f"{_capital(METHODS[yardstick].words)}: nothing else could be tried."
    name = max(gains, key=lambda method: gains[method])
    why = ", which chance explains or a window contradicts" if gains[name] > 0 else ""
    return (
        f"Not better than {METHODS[yardstick].words}: {METHODS[name].words}, the best of {len(gains)} other methods, "
        f"scored {gains[name]:+.1%} NDCG{why}."
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
