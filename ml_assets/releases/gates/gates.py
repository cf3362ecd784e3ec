"""Gates: what a release must pass before it goes live.

Each gate is one function that returns a plain sentence about what is wrong, or None. A new gate is a function, a
setting and a place in `GATES`. What happens to a blocked release is decided in `publish.py`, what the gates measure
on lists is in `shown_lists.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from ml_assets.releases.gates.live_sample import LiveSample
from ml_assets.releases.gates.shown_lists import ShownLists
from ml_assets.releases.rows import Subject
from ml_assets.settings.serving import GateSettings

# Words of `sources` that mean: nothing personal was known.
FALLBACK = "popular"
# A share of this many lists is right to half a point.
SAMPLE = 40_000
SEED = 20170101


@dataclass
class Candidate:
    """A release before it is live."""

    subject: Subject
    frame: pl.DataFrame
    """As `subjects.checked` returned it."""
    k: int
    """Items shown per list."""
    segments: pl.DataFrame | None = None
    active: pl.Series | None = None
    """Customers that must be covered."""
    limits: GateSettings = field(default_factory=GateSettings)
    live: LiveSample | None = None
    """Without one, and for older days, nothing is compared."""
    is_newer: bool = False
    """Whether its day is after the live one's."""
    unavailable_share: float = 0.0
    """The share of the items shown that cannot be had now."""
    facts: dict[str, float] = field(default_factory=dict)
    """What the gates measured, by name."""

    @property
    def keys(self) -> int:
        """Different customers, items or scopes."""
        return self.frame[self.subject.keys[0]].n_unique()

    @cached_property
    def lists(self) -> ShownLists:
        """What readers would see of the lists; of very many, of some, which is enough for shares."""
        # The seed is fixed: the same frame is always judged the same.
        # Of the columns that are looked at: taking rows of nested ones costs as much as all measures.
        looked_at = self.frame.drop("reason_codes", "reason_items", strict=False)
        some = looked_at.sample(SAMPLE, seed=SEED) if looked_at.height > SAMPLE else looked_at
        return ShownLists(some, self.k)

    @property
    def is_small(self) -> bool:
        """Too small for shares to mean anything."""
        return self.frame.height < self.limits.judge_from


Gate = Callable[[Candidate], str | None]


def failed_gates(candidate: Candidate) -> dict[str, str]:
    """The sentences of the gates that fail, by gate; those that compare run only on frames that can be read."""
    if not candidate.frame.height:
        # The smallest shops have no two items with enough buyers in common, and must not stay blocked for ever.
        acceptable = candidate.subject.name == "similar_items" and not (candidate.live and candidate.live.keys)
        return {} if acceptable else {"has_rows": f"{candidate.subject.name} has no rows."}
    broken = _failed(STRUCTURE, candidate)
    return broken or _failed(CONTENTS, candidate)


def _failed(gates: tuple[Gate, ...], candidate: Candidate) -> dict[str, str]:
    return {gate.__name__: sentence for gate in gates if (sentence := gate(candidate))}


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
    rows = ShownLists(candidate.frame, candidate.k).with_doubles()
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
    least, before = candidate.limits.least_coverage, candidate.live.keys if candidate.live else 0
    if not before or candidate.keys >= least * before:
        return None
    what = {"customer_id": "customers", "item_id": "items", "scope": "scopes"}[candidate.subject.keys[0]]
    return f"It covers {candidate.keys:,} {what}, the live release {before:,}: less than {least:.0%}."


def active_coverage(candidate: Candidate) -> str | None:
    """Nearly every active customer has a row."""
    if candidate.active is None or not len(candidate.active):
        return None
    active, least = candidate.active.unique(), candidate.limits.least_active_coverage
    covered = int(active.is_in(candidate.frame["customer_id"].unique().implode()).sum())
    share = candidate.facts["active_coverage"] = covered / len(active)
    return None if share >= least else f"It covers {share:.0%} of {len(active):,} active customers, under {least:.0%}."


def list_length(candidate: Candidate) -> str | None:
    """Lists are full, and not much shorter than the live ones."""
    if not candidate.subject.lists:
        return None
    limits, mean = candidate.limits, candidate.lists.mean_length()
    candidate.facts["mean_length"] = mean
    before = candidate.live.mean_length if candidate.live else None
    if before and mean < limits.least_length * before:
        return f"Lists show {mean:.1f} items, those of the live release {before:.1f}: under {limits.least_length:.0%}."
    if candidate.subject.name != "recommendations" or candidate.is_small:
        return None
    short = candidate.facts["short_lists"] = candidate.lists.short_share("for_you")
    if short > limits.most_short_lists:
        return f"{short:.0%} of the for_you lists have fewer than {candidate.k} items."
    return None


def sameness(candidate: Candidate) -> str | None:
    """Not everybody sees the same."""
    if candidate.subject.name != "recommendations" or candidate.is_small:
        return None
    share, placement = candidate.lists.most_common_share()
    candidate.facts["same_lists"] = share
    return f"{share:.0%} of the {placement} lists are the same." if share > candidate.limits.most_same else None


def fallback_share(candidate: Candidate) -> str | None:
    """Lists are personal, not best sellers under another name."""
    if "sources" not in candidate.subject.lists or candidate.is_small:
        return None
    share = candidate.facts["fallback"] = candidate.lists.source_share("for_you", FALLBACK)
    if share > candidate.limits.most_fallback:
        return f"{share:.0%} of the items in for_you lists are just popular."
    return None


def overlap(candidate: Candidate) -> str | None:
    """Neither unlike the live release altogether, nor frozen."""
    live = candidate.live
    if not candidate.subject.lists or live is None or live.rows.height < candidate.limits.judge_from:
        return None
    shared, unchanged = ShownLists(live.rows, candidate.k).overlap_with(live.rows["live"])
    candidate.facts |= {"overlap": shared, "unchanged": unchanged}
    if shared < candidate.limits.least_overlap:
        return f"Its lists share {shared:.1%} of their items with the live ones."
    # Best sellers and similar items may well stay; so many people's own lists never do.
    personal = candidate.subject.name == "recommendations" and candidate.is_newer
    if personal and unchanged > candidate.limits.most_unchanged:
        return f"{unchanged:.1%} of its lists are exactly those of an older day: is the feed frozen?"
    return None


def varied_scores(candidate: Candidate) -> str | None:
    """Scores say something."""
    if not candidate.subject.lists or candidate.is_small:
        return None
    share = candidate.facts["constant_scores"] = candidate.lists.constant_share()
    return f"All scores are equal in {share:.0%} of the lists." if share > candidate.limits.most_constant else None


def availability(candidate: Candidate) -> str | None:
    """Most of what is shown can be had."""
    if not candidate.subject.lists:
        return None
    share = candidate.facts["unavailable"] = candidate.unavailable_share
    if share > candidate.limits.most_unavailable:
        return f"{share:.0%} of the items it shows are unavailable or banned now."
    return None


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
    share = candidate.facts["largest_segment"] = largest["count"] / candidate.frame.height
    if not candidate.is_small and share > candidate.limits.largest_segment:
        return f"The segment {largest['segment_key']} holds {share:.0%} of the customers."
    return None


def moved_customers(candidate: Candidate) -> str | None:
    """Not everybody changes segment in a day."""
    live = candidate.live
    if "segment_key" not in candidate.subject.texts or live is None or live.rows.height < candidate.limits.judge_from:
        return None
    share = candidate.facts["moved"] = int((live.rows["segment_key"] != live.rows["live"]).sum()) / live.rows.height
    if share > candidate.limits.most_moved:
        return f"{share:.0%} of the customers are in another segment than in the live release."
    return None


STRUCTURE: tuple[Gate, ...] = (unique_keys, equal_lengths, no_duplicates, finite_scores)
"""Without these a release cannot be read; nobody can accept one that breaks them."""

CONTENTS: tuple[Gate, ...] = (
    coverage,
    active_coverage,
    list_length,
    sameness,
    fallback_share,
    overlap,
    varied_scores,
    availability,
    sane_segments,
    moved_customers,
)
