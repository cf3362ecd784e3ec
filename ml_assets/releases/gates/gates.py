"""Gates: what a release must pass before it goes live.

Each gate is one function from a candidate to a verdict, under the mark that says whether a person may accept a release
that fails it. A new gate is such a function and a setting. What happens to a blocked release is decided in
`publish.py`, what the gates measure on lists is in `shown_lists.py`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from ml_assets.releases.gates.candidate import Candidate, Verdict
from ml_assets.releases.gates.shown_lists import ShownLists, with_doubles

Gate = Callable[[Candidate], Verdict]

# Words of `sources` that mean: nothing personal was known.
FALLBACK = "popular"
NOTHING_WRONG = Verdict()
# Filled by the marks below, in the order of the file.
STRUCTURE: list[Gate] = []
CONTENTS: list[Gate] = []


@dataclass(frozen=True)
class Judgement:
    """What all gates say together."""

    failures: dict[str, str]
    """The sentences of the gates that fail, by the name of the gate."""
    facts: dict[str, float]
    """What the gates measured, by name."""

    def fails(self, gate: Gate) -> bool:
        """Whether it does not pass this gate."""
        return gate.__name__ in self.failures

    @property
    def reason(self) -> str | None:
        """All that is wrong, in plain sentences."""
        return " ".join(self.failures.values()) or None


def judge(candidate: Candidate) -> Judgement:
    """Ask all gates; those of the contents only about a frame that can be read and is not empty."""
    judged = _ask(STRUCTURE, candidate)
    return judged if judged.failures or candidate.frame.is_empty() else _ask(CONTENTS, candidate)


def not_acceptable(failures: Iterable[str]) -> list[str]:
    """The names among those of failed gates that nobody can accept: all but the contents' gates as they are now.

    A name that no gate has any more counts as such, so that renaming a gate lets nothing through.
    """
    acceptable = {gate.__name__ for gate in CONTENTS}
    return [name for name in failures if name not in acceptable]


def _ask(gates: Iterable[Gate], candidate: Candidate) -> Judgement:
    verdicts = {gate.__name__: gate(candidate) for gate in gates}
    failures = {name: verdict.sentence for name, verdict in verdicts.items() if verdict.sentence}
    return Judgement(failures, {name: value for one in verdicts.values() for name, value in one.facts.items()})


def structure(gate: Gate) -> Gate:
    """Mark a gate without which a release cannot be read; nobody can accept one that breaks it."""
    STRUCTURE.append(gate)
    return gate


def contents(gate: Gate) -> Gate:
    """Mark a gate on what a readable release says; a person may accept one that fails it."""
    CONTENTS.append(gate)
    return gate


@structure
def has_rows(candidate: Candidate) -> Verdict:
    """There is something to read."""
    if candidate.frame.height:
        return NOTHING_WRONG
    acceptable = candidate.subject.may_start_empty and not (candidate.live and candidate.live.keys)
    return NOTHING_WRONG if acceptable else Verdict(f"{candidate.subject.name} has no rows.")


@structure
def unique_keys(candidate: Candidate) -> Verdict:
    """Every key has one row."""
    keys = list(candidate.subject.keys)
    doubles = candidate.frame.height - candidate.frame.select(keys).n_unique()
    return Verdict(f"{doubles} rows repeat the {' and '.join(keys)} of another row." if doubles else None)


@structure
def equal_lengths(candidate: Candidate) -> Verdict:
    """The parallel lists of a row are equally long, and not empty."""
    first, *others = candidate.subject.lists or ("",)
    if not first:
        return NOTHING_WRONG
    length = pl.col(first).list.len()
    differs = [pl.col(other).list.len() != length for other in others]
    # Of what not everybody computes, none is as good as all.
    some = [pl.col(name).list.len() for name in candidate.subject.numbers_of_items if name in candidate.frame.columns]
    differs += [(count != 0) & (count != length) for count in some]
    if uneven := candidate.frame.filter(pl.any_horizontal(differs)).height:
        return Verdict(f"{uneven} rows have lists of different lengths.")
    empty = candidate.frame.filter(length == 0).height
    return Verdict(f"{empty} rows have empty lists." if empty else None)


@structure
def no_duplicates(candidate: Candidate) -> Verdict:
    """No list names an item twice, or none."""
    if not candidate.subject.lists:
        return NOTHING_WRONG
    rows = with_doubles(candidate.frame["item_ids"])
    return Verdict(f"{rows} lists name an item twice or have a gap." if rows else None)


@structure
def finite_scores(candidate: Candidate) -> Verdict:
    """Every score is a number."""
    if not candidate.subject.lists:
        return NOTHING_WRONG
    scores = candidate.frame["scores"].explode(empty_as_null=False)
    bad = len(scores) - int(scores.cast(pl.Float32).is_finite().sum())
    return Verdict(f"{bad} scores are missing, not a number or infinite." if bad else None)


@structure
def sane_numbers(candidate: Candidate) -> Verdict:
    """Numbers are there for all rows or for none, at least 0, and probabilities, as all of items are, at most 1."""
    for name in candidate.subject.numbers:
        values = candidate.frame[name]
        if values.null_count() == len(values):
            continue
        most = 1.0 if name.endswith("_probability") else float("inf")
        good = (values.is_finite() & values.is_between(0.0, most)).fill_null(value=False)
        if bad := len(values) - int(good.sum()):
            bounds = "above 1" if most == 1.0 else "infinite"
            return Verdict(f"{bad} values of {name} are missing, not a number, negative or {bounds}.")
    for name in (each for each in candidate.subject.numbers_of_items if each in candidate.frame.columns):
        values = candidate.frame[name].explode(empty_as_null=False)
        good = (values.is_finite() & values.is_between(0.0, 1.0)).fill_null(value=False)
        if bad := len(values) - int(good.sum()):
            return Verdict(f"{bad} values of {name} are no probabilities.")
    return NOTHING_WRONG


@contents
def coverage(candidate: Candidate) -> Verdict:
    """Not many fewer customers, items or scopes than the live release has."""
    live, least = candidate.live, candidate.limits.least_coverage
    if live is None or not live.keys or candidate.keys >= least * live.keys:
        return NOTHING_WRONG
    counted = candidate.subject.counted
    return Verdict(f"It covers {candidate.keys:,} {counted}, {live.source} {live.keys:,}: less than {least:.0%}.")


@contents
def active_coverage(candidate: Candidate) -> Verdict:
    """Nearly every active customer has a row."""
    if candidate.active is None or not len(candidate.active):
        return NOTHING_WRONG
    active, least = candidate.active.unique(), candidate.limits.least_active_coverage
    share = int(active.is_in(candidate.frame["customer_id"].unique().implode()).sum()) / len(active)
    wrong = f"It covers {share:.0%} of {len(active):,} active customers, under {least:.0%}." if share < least else None
    return Verdict(wrong, {"active_coverage": share})


@contents
def list_length(candidate: Candidate) -> Verdict:
    """Lists are full, and not much shorter than the live ones."""
    if not candidate.subject.lists:
        return NOTHING_WRONG
    limits, mean = candidate.limits, candidate.lists.mean_length()
    facts = {"mean_length": mean}
    before = candidate.live.mean_length if candidate.live else None
    if before and mean < limits.least_length * before:
        return Verdict(
            f"Lists show {mean:.1f} items, those of the live release {before:.1f}: under {limits.least_length:.0%}.",
            facts,
        )
    if not candidate.subject.is_personal or candidate.is_small:
        return Verdict(None, facts)
    short, k = candidate.lists.short_share("for_you"), candidate.lists.k
    wrong = f"{short:.0%} of the for_you lists have fewer than {k} items." if short > limits.most_short_lists else None
    return Verdict(wrong, facts | {"short_lists": short})


@contents
def sameness(candidate: Candidate) -> Verdict:
    """Not everybody sees the same, unless nothing was found better than best-sellers."""
    if not candidate.subject.is_personal or candidate.is_small:
        return NOTHING_WRONG
    share, placement = candidate.lists.most_common_share(candidate.best_sellers)
    wrong = f"{share:.0%} of the {placement} lists are the same." if share > candidate.limits.most_same else None
    return Verdict(wrong, {"same_lists": share})


@contents
def fallback_share(candidate: Candidate) -> Verdict:
    """Lists are personal, not best sellers under another name, unless nothing was found better than those."""
    if "sources" not in candidate.subject.lists or candidate.is_small or "for_you" in candidate.best_sellers:
        return NOTHING_WRONG
    share = candidate.lists.source_share("for_you", FALLBACK)
    too_many = share > candidate.limits.most_fallback
    wrong = f"{share:.0%} of the items in for_you lists are just popular." if too_many else None
    return Verdict(wrong, {"fallback": share})


@contents
def overlap(candidate: Candidate) -> Verdict:
    """Neither unlike the live release altogether, nor frozen."""
    live, limits = candidate.live, candidate.limits
    if not candidate.subject.lists or live is None or live.rows.height < limits.judge_from:
        return NOTHING_WRONG
    rows = live.rows
    if candidate.subject.is_personal:
        rows = rows.filter(~pl.col("placement").is_in(list(candidate.best_sellers)))
        if rows.is_empty():
            return NOTHING_WRONG
    shared, unchanged = ShownLists(rows, candidate.lists.k).overlap_with(rows["live"])
    # Best sellers and similar items may well stay; so many people's own lists never do.
    personal = candidate.subject.is_personal and candidate.is_newer
    wrong = None
    if shared < limits.least_overlap:
        wrong = f"Its lists share {shared:.1%} of their items with the live ones."
    elif personal and unchanged > limits.most_unchanged:
        wrong = f"{unchanged:.1%} of its lists are exactly those of an older day: is the feed frozen?"
    return Verdict(wrong, {"overlap": shared, "unchanged": unchanged})


@contents
def varied_scores(candidate: Candidate) -> Verdict:
    """Scores say something."""
    if not candidate.subject.lists or candidate.is_small:
        return NOTHING_WRONG
    share = candidate.lists.constant_share()
    wrong = f"All scores are equal in {share:.0%} of the lists." if share > candidate.limits.most_constant else None
    return Verdict(wrong, {"constant_scores": share})


@contents
def availability(candidate: Candidate) -> Verdict:
    """Most of what is shown can be had."""
    if not candidate.subject.lists:
        return NOTHING_WRONG
    share = candidate.unavailable_share
    too_many = share > candidate.limits.most_unavailable
    wrong = f"{share:.0%} of the items it shows are unavailable or banned now." if too_many else None
    return Verdict(wrong, {"unavailable": share})


@contents
def sane_segments(candidate: Candidate) -> Verdict:
    """Every segment used has a profile, and none swallows the others; one that emptied since training is no fault."""
    if not candidate.subject.has_segments:
        return NOTHING_WRONG
    counts = candidate.frame["segment_key"].value_counts()
    if candidate.segments is not None:
        described = set(candidate.segments["segment_key"].to_list())
        used = set(counts["segment_key"].to_list())
        if unknown := sorted(used - described):
            return Verdict(f"Customers are in segments without a profile: {', '.join(unknown)}.")
    largest = counts.sort("count").row(-1, named=True)
    share = largest["count"] / candidate.frame.height
    swallows = not candidate.is_small and share > candidate.limits.largest_segment
    wrong = f"The segment {largest['segment_key']} holds {share:.0%} of the customers." if swallows else None
    return Verdict(wrong, {"largest_segment": share})


@contents
def moved_customers(candidate: Candidate) -> Verdict:
    """Not everybody changes segment in a day."""
    live, limits = candidate.live, candidate.limits
    if not candidate.subject.has_segments or live is None or live.rows.height < limits.judge_from:
        return NOTHING_WRONG
    share = int((live.rows["segment_key"] != live.rows["live"]).sum()) / live.rows.height
    too_many = share > limits.most_moved
    wrong = f"{share:.0%} of the customers are in another segment than in {live.source}." if too_many else None
    return Verdict(wrong, {"moved": share})
