"""The placements and their repeat policies: which items a list may hold, and which purchases it is asked for."""

from typing import Literal

Repeats = Literal["allowed", "never", "only"]

REPEATS: dict[str, Repeats] = {"for_you": "allowed", "discover": "never", "buy_again": "only"}
"""Whether a list holds items that the customer bought before; the truth of a placement follows the same rule."""

PLACEMENTS = tuple(REPEATS)
