"""What recommenders fill, and the repeat policies: which items a list may hold, and which purchases it is asked for."""

from typing import Literal

Repeats = Literal["allowed", "never", "only"]

REPEATS: dict[str, Repeats] = {"for_you": "allowed", "discover": "never", "buy_again": "only"}
"""Whether a list holds items that the customer bought before; the truth of a placement follows the same rule."""


def shown_repeats(placement: str, *, may_repeat: bool) -> Repeats:
    """The policy of a list in a shop: where purchases do not recur, nothing is listed that the customer has."""
    return "never" if REPEATS[placement] == "allowed" and not may_repeat else REPEATS[placement]


PLACEMENTS = tuple(REPEATS)
Filled = Literal["for_you", "discover", "buy_again", "similar_items"]
"""What a recommender fills: the placements, and the list of an item."""
SIMILAR_ITEMS: Filled = "similar_items"
"""It has no challenger to beat."""
