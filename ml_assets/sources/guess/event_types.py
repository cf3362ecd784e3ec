"""What the kinds of events of a shop count for, by the words they are called with."""

from collections.abc import Sequence

from ml_assets.sources.guess.names import words_of

# More kinds than a tracker has are no kinds.
MOST = 60
BOUGHT = {"purchase", "purchased", "purchases", "buy", "bought", "order", "ordered", "orders", "transaction", "sale",
          "sold", "paid", "payment", "completed", "complete", "fulfilled", "kauf", "success"}  # fmt: skip
BROUGHT_BACK = {"refund", "refunded", "return", "returned", "cancel", "canceled", "cancelled", "cancellation", "voided",
                "void", "chargeback", "storno", "retoure"}  # fmt: skip
FAILED = {"failed", "unavailable", "declined", "rejected", "expired", "error", "fraud"}
WANTED = {"cart", "basket", "wishlist", "wish", "favorite", "favourite", "favorites", "bookmark", "checkout", "like"}
SEEN = {"view", "viewed", "click", "clicked", "detail", "details", "select", "visit", "open", "play", "read", "pdp"}
NOTHING = {"remove", "removed", "delete", "deleted", "unlike", "list", "impression", "impressions", "promotion",
           "search", "page", "main", "home", "catalog", "login", "session", "scroll", "failed", "fail"}  # fmt: skip


def weights_of(kinds: Sequence[str]) -> tuple[dict[str, float], list[str]] | None:
    """The weight of each kind that is no return, and the kinds that are; None where no kind is a purchase.

    A kind whose name says nothing weighs 0: what is no purchase for sure is none.
    """
    weights: dict[str, float] = {}
    returns = []
    for kind in sorted(kinds):
        words = set(words_of(kind))
        if words & BROUGHT_BACK:
            returns.append(kind)
        else:
            weights[kind] = _weight(words)
    return (weights, returns) if 1.0 in weights.values() and len(kinds) <= MOST else None


def returns_of(states: Sequence[str]) -> list[str]:
    """The states of orders that mean that nothing was bought in the end."""
    return [state for state in sorted(states) if set(words_of(state)) & (BROUGHT_BACK | FAILED)]


def is_status(column: str) -> bool:
    """Whether a column says what became of an order, rather than what happened."""
    return bool({"status", "state"} & set(words_of(column)))


def _weight(words: set[str]) -> float:
    if words & NOTHING:
        return 0.0
    if words & WANTED:
        return 0.3
    if words & SEEN:
        return 0.1
    return 1.0 if words & BOUGHT else 0.0
