"""What can be wrong with a subject: the causes of incidents, one row each, in the order of the runbook.

How a cause is called and what it can explain belongs here. What sees it is a collector; which incident explains which
others is found in `judge/roots.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """A kind of fault. The name is that of its section in the runbook."""

    name: str
    present: str
    """The end of a sentence that begins with the subject."""
    past: str
    """The same when it is over."""
    makes_old: bool = False
    """Whether it explains why what is made from the subject is old or silent."""
    makes_itself_old: bool = False
    """Whether it explains the same of the subject itself: a blocked release makes it stale, never the other way."""
    is_explained: bool = False
    """Whether being old or silent is what it says, so that something earlier may explain it."""


CAUSES: Mapping[str, Cause] = {
    cause.name: cause
    for cause in (
        Cause("stale", "is stale", "was stale", makes_old=True, is_explained=True),
        Cause("missing", "has never arrived", "had never arrived", makes_old=True, is_explained=True),
        Cause("volume", "has too few rows", "had too few rows"),
        Cause("blocked", "release is blocked", "release was blocked", makes_itself_old=True),
        Cause("refused", "challenger was refused", "challenger was refused", makes_itself_old=True),
        Cause("drift", "has drifted", "had drifted"),
        Cause("below_promise", "is worse than its backtest promised", "was worse than its backtest promised"),
        Cause("unread", "could not be read", "could not be read before"),
        Cause("run", "run failed", "run had failed", makes_old=True, makes_itself_old=True),
        Cause("check", "check failed", "check had failed", makes_old=True, makes_itself_old=True),
        Cause("tick", "does not run", "did not run", makes_old=True),
        Cause("daemon", "daemon is dead", "daemon was dead", makes_old=True, makes_itself_old=True),
        Cause("silent", "is silent", "was silent", makes_old=True, is_explained=True),
        Cause("undeliverable", "does not deliver", "did not deliver"),
        Cause("unreachable", "is unreachable", "was unreachable"),
        Cause("unjudged", "cannot be judged", "could not be judged"),
    )
}


def cause_of(text: str) -> Cause:
    """The cause that an incident names, whose detail stands after a colon; an unknown one explains nothing."""
    name = text.partition(":")[0]
    return CAUSES.get(name) or Cause(name, name, name)
