"""What the kinds of events of a shop count for, by the words they are called with."""

from collections.abc import Sequence

from ml_assets.sources.guess.names import words_of

# More kinds than a tracker has are no kinds.
MOST, MOST_STATES = 60, 30
BOUGHT = {"purchase", "purchased", "purchases", "buy", "bought", "order", "ordered", "orders", "transaction", "sale",
          "sold", "paid", "payment", "completed", "complete", "fulfilled", "kauf", "success"}  # fmt: skip
BROUGHT_BACK = {"refund", "refunded", "return", "returned", "cancel", "canceled", "cancelled", "cancellation", "voided",
                "void", "chargeback", "storno", "retoure"}  # fmt: skip
FAILED = ("fail", "error", "declin", "reject", "unavailable", "expired", "fraud", "abandon", "bug", "invalid", "denied",
          "exception", "timeout", "crash", "aborted")  # fmt: skip
"""Beginnings of words of what did not come off."""
BEGUN = {"begin", "begun", "start", "started", "initiate", "initiated", "attempt", "attempted", "pending", "info",
         "intent", "request", "requested"}  # fmt: skip
"""Beside a word of buying: not yet bought."""
COURSE = {"new", "open", "placed", "pending", "processing", "confirmed", "authorized", "authorised", "captured",
          "shipped", "delivered", "invoiced", "packed", "picked", "sent", "closed", "done", "hold", "draft", "active",
          "received", "approved", "unpaid", "partial", "partially", "settled", "created", "waiting", "awaiting",
          "dispatched", "bezahlt", "versendet", "offen"}  # fmt: skip
"""States that an order goes through."""
UNDONE = {"not", "no", "non", "partial", "partially", "requested", "request"}
"""Beside a word of a return: not all of it, or not at all."""
WANTED = {"cart", "basket", "wishlist", "wish", "favorite", "favourite", "favorites", "bookmark", "checkout", "like"}
SEEN = {"view", "viewed", "click", "clicked", "detail", "details", "select", "visit", "open", "play", "read", "pdp"}
NOTHING = {"remove", "removed", "delete", "deleted", "unlike", "list", "impression", "impressions", "promotion",
           "search", "page", "main", "home", "catalog", "login", "session", "scroll"}  # fmt: skip


def weights_of(kinds: Sequence[str]) -> tuple[dict[str, float], list[str]] | None:
    """The weight of each kind that is no return, and the kinds that are; None where the words say nothing.

    A kind whose name says nothing weighs 0: what is no purchase for sure is none. Where no kind is a purchase by its
    name, those alone are told that failed or were brought back.
    """
    weights: dict[str, float] = {}
    returns = []
    for kind in sorted(kinds):
        words = set(words_of(kind))
        if _is_brought_back(words):
            returns.append(kind)
        else:
            weights[kind] = _weight(words)
    if len(kinds) > MOST:
        return None
    if 1.0 in weights.values():
        return weights, returns
    failed = {kind: 0.0 for kind in weights if _has_failed(set(words_of(kind)))}
    return (failed, returns) if failed or returns else None


def returns_of(states: Sequence[str]) -> list[str]:
    """The states of orders that mean that nothing was bought in the end."""
    told = ((state, set(words_of(state))) for state in sorted(states))
    return [state for state, words in told if _is_brought_back(words) or (_has_failed(words) and not words & UNDONE)]


def are_states(values: Sequence[str], known: float) -> bool:
    """Whether values are states of orders, some of which came to nothing: `known` is the share whose words must say so.

    Where people only looked or put something into a cart, the values are kinds of events.
    """
    words = [set(words_of(value)) for value in values]
    looked = (WANTED | SEEN | NOTHING) - COURSE
    if len(values) > MOST_STATES or not returns_of(values) or any(one & looked for one in words):
        return False
    told = sum(bool(one & (BOUGHT | BROUGHT_BACK | COURSE)) or _has_failed(one) for one in words)
    return told >= known * len(values)


def is_status(column: str) -> bool:
    """Whether a column says what became of an order, rather than what happened."""
    return bool({"status", "state"} & set(words_of(column)))


def _weight(words: set[str]) -> float:
    if words & NOTHING or _has_failed(words):
        return 0.0
    if words & WANTED or (words & BOUGHT and words & BEGUN):
        return 0.3
    if words & SEEN:
        return 0.1
    return 1.0 if words & BOUGHT else 0.0


def _is_brought_back(words: set[str]) -> bool:
    return bool(words & BROUGHT_BACK) and not words & UNDONE


def _has_failed(words: set[str]) -> bool:
    return any(word.startswith(FAILED) for word in words)
