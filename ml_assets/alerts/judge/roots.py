"""Root causes: which incident explains which others.

Only the graph and the choice of a root belong here. A stale feed makes features, models and predictions stale; people
are told of the feed alone, with the others listed under it.
"""

from collections.abc import Collection, Mapping

from ml_assets.alerts.causes import Cause, cause_of
from ml_assets.subjects import SUBJECTS

# What each is made from. Jobs, and Dagster itself, come before everything they fill.
UPSTREAM: Mapping[str, tuple[str, ...]] = {
    "load_days": ("dagster",),
    "daily_scoring": ("dagster",),
    "weekly_training": ("dagster",),
    "weekly_report": ("dagster",),
    **{name: subject.made_from for name, subject in SUBJECTS.items()},
}
# An old model goes on scoring every day; only one that does not exist leaves its predictions without a list.
MODELS = {name: subject.models for name, subject in SUBJECTS.items() if subject.models}


def find_root(key: str, present: Collection[str]) -> str | None:
    """The incident (subject/cause) among those present that explains this one, the most remote of several."""
    subject, cause = _parts(key)
    if not cause.is_explained:
        return None
    best: tuple[int, str] | None = None
    distances = _distances(subject, with_models=cause.name == "missing")
    for other in present:
        theirs, why = _parts(other)
        if theirs not in distances or not (why.makes_itself_old if theirs == subject else why.makes_old):
            continue
        # Of equally remote ones the name decides, so that it is the same every time.
        if best is None or (distances[theirs], other) > best:
            best = distances[theirs], other
    return best[1] if best else None


def _parts(key: str) -> tuple[str, Cause]:
    subject, _, cause = key.rpartition("/")
    return subject, cause_of(cause)


def _distances(subject: str, *, with_models: bool) -> dict[str, int]:
    """Steps up to everything that a subject is made from, itself included."""
    found, frontier, steps = {subject: 0}, [subject], 0
    while frontier:
        steps += 1
        ups = [up for name in frontier for up in UPSTREAM.get(name, ()) + (MODELS.get(name, ()) if with_models else ())]
        frontier = [up for up in ups if up not in found]
        found |= dict.fromkeys(frontier, steps)
    return found
