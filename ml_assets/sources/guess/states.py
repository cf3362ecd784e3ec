"""What became of orders and lines: states such as cancelled, and marks of what was deleted.

States are told by the values of a column, whatever it is called; what is deleted, by the column's name and by how few
lines are. The words of events are in `event_types.py`.
"""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from ml_assets.sources.columns import NO_WORDS, YES_WORDS, Reading
from ml_assets.sources.expressions import quoted
from ml_assets.sources.guess.columns import Choice
from ml_assets.sources.guess.event_types import are_states, is_status, returns_of, weights_of
from ml_assets.sources.guess.moments import are_times
from ml_assets.sources.guess.names import plain, words_of
from ml_assets.sources.guess.proposal import Proposal
from ml_assets.sources.guess.services import without
from ml_assets.sources.orders import SUFFIX

# Of the different values, those that are words of an order's course.
KNOWN = 0.5
# More lines than this are not the few that were deleted.
FEW = 0.5
DELETED = ("delet", "cancel", "void", "removed", "storn", "geloescht")
"""Beginnings of words that say that a line is to count for nothing."""
BESIDE_FLAGS = ("is", "was", "has", "been", "flag", "order", "line", "item", "marked", "as")


def with_states(found: Proposal, sample: pl.DataFrame) -> Proposal:
    """The proposal with what each kind of event counts for, and with states of orders that are no purchases.

    Where the shape says so already, nothing is added.
    """
    if found.rules:
        return found
    found = _with_event_type(found, sample)
    for column in _state_columns(sample):
        if found.mentions(column):
            continue
        returns, others = _parted(sample[column])
        if "event_type" in found.columns:
            where = found.source["where"].text if "where" in found.source else None
            choice = Choice(without(where, column, returns), _reasons(found, f"{column}: {_why(returns, others)}"))
            found = replace(found, source={**found.source, "where": choice})
        else:
            columns = {**found.columns, "event_type": Choice(column, f"its values are states: {_why(returns, others)}")}
            rules = {"return_types": Choice(str(returns), "orders in these states are no purchases")}
            found = replace(found, columns=columns, rules=rules)
    return found


def _with_event_type(found: Proposal, sample: pl.DataFrame) -> Proposal:
    column = found.columns["event_type"].text if "event_type" in found.columns else ""
    if column not in sample.columns:
        return found
    kinds = _values(sample[column])
    if is_status(column) or are_states(kinds, 1):
        columns = {name: choice for name, choice in found.columns.items() if name != "event_type"}
        if not (returns := returns_of(kinds)):
            return replace(found, columns=columns)
        others = [kind for kind in kinds if kind not in returns]
        columns["event_type"] = Choice(column, f"by its name and values: {_why(returns, others)}")
        rules = {"return_types": Choice(str(returns), "orders in these states are no purchases")}
        return replace(found, columns=columns, rules=rules)
    if (told := weights_of(kinds)) is None:
        return found
    weights, returns = told
    why = "by the words of the kinds of events; 0 counts for nothing"
    rules = {"weights": Choice(str(weights), why)} if set(weights.values()) - {1.0} else {}
    if returns:
        rules["return_types"] = Choice(str(returns), "by their words")
    return replace(found, rules=rules)


def without_deleted(found: Proposal, sample: pl.DataFrame, reading: Reading) -> Proposal:
    """The proposal with a condition for each column that marks few lines as deleted or cancelled."""
    for column, kind in sample.schema.items():
        name = column.removesuffix(SUFFIX)
        if kind.is_nested() or found.mentions(column) or not any(word in plain(name) for word in DELETED):
            continue
        given = sample.filter(sample.select(reading.is_given(column, sample.schema)).to_series())[column]
        if not (told := _unmarked(name, given, sample.height, reading)):
            continue
        condition, marked = told
        condition = condition.format(quoted(column))
        why = f"{column} marks {marked / sample.height:.1%} of the lines, which are deleted or cancelled"
        if "where" in found.source:
            condition = f"({found.source['where'].text}) AND {condition}"
        found = replace(found, source={**found.source, "where": Choice(condition, _reasons(found, why))})
    return found


def _unmarked(name: str, given: pl.Series, lines: int, reading: Reading) -> tuple[str, int] | None:
    """The condition of lines that are not marked, and how many are; None where the column is no such mark."""
    words = [word for word in words_of(name) if not any(mark in word for mark in DELETED)]
    if given.is_empty() or are_times(given, reading):
        named = "at" in words or "date" in words or "on" in words or not words
        is_mark = named and len(given) < FEW * lines and (len(given) or not given.dtype.is_numeric())
        return ("{} IS NULL", len(given)) if is_mark else None
    texts = given.cast(pl.String).str.strip_chars()
    lower = texts.str.to_lowercase()
    is_flag = set(words) <= set(BESIDE_FLAGS) and lower.is_in([*YES_WORDS, *NO_WORDS]).all()
    marked = int(lower.is_in(YES_WORDS).sum())
    if not is_flag or marked >= FEW * lines:
        return None
    if given.dtype == pl.Boolean:
        return "{} IS NOT TRUE", marked
    if lower.is_in(["0", "1"]).all():
        return "coalesce({}, 0) = 0", marked
    yes = ", ".join(f"'{word}'" for word in texts.filter(lower.is_in(YES_WORDS)).unique().sort())
    return (f"({{0}} IS NULL OR {{0}} NOT IN ({yes}))", marked) if yes else None


def _state_columns(sample: pl.DataFrame) -> list[str]:
    """Text columns of few values, some of which say that an order came to nothing."""
    return [
        column
        for column, kind in sample.schema.items()
        if kind in (pl.String, pl.Categorical, pl.Enum) and are_states(_values(sample[column]), KNOWN)
    ]


def _values(values: pl.Series) -> list[str]:
    """The different ones, the most frequent first."""
    counted = values.drop_nulls().cast(pl.String).value_counts(sort=True)[values.name]
    return [value for value in counted.to_list() if value.strip()]


def _parted(values: pl.Series) -> tuple[list[str], list[str]]:
    kinds = _values(values)
    returns = returns_of(kinds)
    return returns, [kind for kind in kinds if kind not in returns]


def _why(returns: Sequence[str], others: Sequence[str]) -> str:
    counted = f"; {', '.join(others[:6])} are" if others else ""
    return f"{', '.join(returns)} are no purchases{counted}"


def _reasons(found: Proposal, why: str) -> str:
    """With the reason for the condition that is there."""
    return f"{found.source['where'].why}; {why}" if "where" in found.source else why
