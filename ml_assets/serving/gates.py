"""Gates: what a release must pass before it goes live.

Each gate is one function that returns a plain sentence about what is wrong, or None. A new gate is a function and a
place in `GATES`. What happens to a blocked release is decided in `publish.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from ml_assets.serving.subjects import Subject

LEAST_COVERAGE = 0.5
LARGEST_SEGMENT = 0.95
# Below this many customers one segment for all is what an honest model finds.
CUSTOMERS_FOR_SEGMENTS = 100


@dataclass(frozen=True)
class Candidate:
    """A release before it is live."""

    subject: Subject
    frame: pl.DataFrame
    """As `subjects.checked` returned it."""
    segments: pl.DataFrame | None
    previous_keys: int | None
    """Customers, items or scopes in the live release; None without one."""

    @property
    def keys(self) -> int:
        """Different customers, items or scopes."""
        return self.frame[self.subject.keys[0]].n_unique()


Gate = Callable[[Candidate], str | None]


def failed_gates(candidate: Candidate) -> list[str]:
    """The sentences of all gates that fail; only the first where there are no rows to judge."""
    if not candidate.frame.height:
        # The smallest shops have no two items with enough buyers in common, and must not stay blocked for ever.
        acceptable = candidate.subject.name == "similar_items" and not candidate.previous_keys
        return [] if acceptable else [f"{candidate.subject.name} has no rows."]
    return [sentence for gate in GATES if (sentence := gate(candidate))]


def unique_keys(candidate: Candidate) -> str | None:
    """Every key has one row."""
    keys = list(candidate.subject.keys)
    doubles = candidate.frame.height - candidate.frame.select(keys).n_unique()
    return f"{doubles} rows repeat the {' and '.join(keys)} of another row." if doubles else None


def equal_lengths(candidate: Candidate) -> str | None:
    """The parallel lists of a row are equally long, and not empty."""
    first, *others = candidate.subject.lists or ("",)
    if not first:
        return None
    length = pl.col(first).list.len()
    differs = pl.any_horizontal(pl.col(other).list.len() != length for other in others)
    if uneven := candidate.frame.filter(differs).height:
        return f"{uneven} rows have lists of different lengths."
    empty = candidate.frame.filter(length == 0).height
    return f"{empty} rows have empty lists." if empty else None


def no_duplicates(candidate: Candidate) -> str | None:
    """No list names an item twice, or none."""
    if not candidate.subject.lists:
        return None
    items = pl.col("item_ids")
    bad = (items.list.n_unique() != items.list.len()) | items.list.eval(pl.element().is_null()).list.any()
    rows = candidate.frame.filter(bad).height
    return f"{rows} lists name an item twice or have a gap." if rows else None


def finite_scores(candidate: Candidate) -> str | None:
    """Every score is a number."""
    if not candidate.subject.lists:
        return None
    scores = candidate.frame["scores"].explode(empty_as_null=False)
    bad = len(scores) - int(scores.cast(pl.Float32).is_finite().sum())
    return f"{bad} scores are missing, not a number or infinite." if bad else None


def coverage(candidate: Candidate) -> str | None:
    """Not many fewer customers, items or scopes than the live release has."""
    keys, before = candidate.keys, candidate.previous_keys
    if not before or keys >= LEAST_COVERAGE * before:
        return None
    what = candidate.subject.keys[0]
    return f"It covers {keys} values of {what}, the live release {before}: less than {LEAST_COVERAGE:.0%}."


def sane_segments(candidate: Candidate) -> str | None:
    """Every segment used has a profile, and none swallows the others; one that emptied since training is no fault."""
    if "segment_key" not in candidate.subject.texts:
        return None
    counts = candidate.frame["segment_key"].value_counts()
    if candidate.segments is not None:
        described = set(candidate.segments["segment_key"].to_list())
        used = set(counts["segment_key"].to_list())
        if unknown := sorted(used - described):
            return f"Customers are in segments without a profile: {', '.join(unknown)}."
    largest = counts.sort("count").row(-1, named=True)
    share = largest["count"] / candidate.frame.height
    if candidate.frame.height >= CUSTOMERS_FOR_SEGMENTS and share > LARGEST_SEGMENT:
        return f"The segment {largest['segment_key']} holds {share:.0%} of the customers."
    return None


GATES: tuple[Gate, ...] = (unique_keys, equal_lengths, no_duplicates, finite_scores, coverage, sane_segments)
