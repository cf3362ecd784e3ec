"""Why customers are in another segment than before: the measures that changed most, in their own units.

Comparing two days and the words for it belong here. Who is in which segment is decided in `model.py`; that a segment
was relabelled by a training is told by the database, which knows what was live.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ml_assets.features.customers import in_pieces
from ml_assets.models.segmentation.inputs import EXPRESSIONS, FEATURES

NOTES = {"moved_from": pl.String, "reason": pl.String, "reason_measures": pl.String}
"""Columns added to the assignments; null of customers who have not moved."""

TOLD = 2
REDRAWN = "a training drew the segments anew; the customer is as before"
"""Of those whom the model of the day before would have left where they were."""
# The middle half of a normal distribution is this many standard deviations wide.
_WIDTH = 1.349


@dataclass(frozen=True)
class Words:
    """How a measure is told."""

    kind: str
    """Measures of one kind say the same thing twice: only the one that changed most is told."""
    text: str
    unit: str
    factor: float = 1.0


WORDS: dict[str, Words] = {
    "decayed_spend": Words("spend", "recent spend {}", "money"),
    "spend_365d": Words("spend", "spend in 365 days {}", "money"),
    "spend_90d": Words("spend", "spend in 90 days {}", "money"),
    "orders_365d": Words("orders", "orders in 365 days {}", "orders"),
    "orders_90d": Words("orders", "orders in 90 days {}", "orders"),
    "recency_days": Words("recency", "last order {} days ago", "days"),
    "tenure_days": Words("tenure", "first order {} days ago", "days"),
    "mean_gap_days": Words("orders", "{} days between orders", "days"),
    "mean_order_value": Words("order value", "spend per order {}", "money"),
    "basket_items": Words("basket", "items per order {}", "items"),
    "category_diversity": Words("breadth", "categories used evenly {}", "categories"),
    "weekend_share": Words("weekend", "orders at weekends {} %", "share", 100),
    "evening_share": Words("evening", "orders in the evening {} %", "share", 100),
    "pace": Words("spend", "spend of 90 days against the year's pace {} %", "share", 100),
}
"""Every measure of `segments.MEASURES`. Shares are told in percent."""
WORDS_IN_PIECES: dict[str, Words] = WORDS | {
    "decayed_spend": Words("spend", "recent pieces {}", "pieces"),
    "spend_365d": Words("spend", "pieces in 365 days {}", "pieces"),
    "spend_90d": Words("spend", "pieces in 90 days {}", "pieces"),
    "mean_order_value": Words("order value", "pieces per order {}", "pieces"),
    "pace": Words("spend", "pieces of 90 days against the year's pace {} %", "share", 100),
}
"""The same where the shop has no amounts, and spend is counted in pieces."""


def explain_moves(
    assigned: pl.DataFrame,
    before: pl.DataFrame | None,
    features: pl.DataFrame,
    features_before: pl.DataFrame | None,
    *,
    inputs: Sequence[str] = (),
    redrawn: pl.Series | None = None,
) -> pl.DataFrame:
    """The assignments (customer_id, segment_key, ...) of a day with the columns of `NOTES`.

    `before` (customer_id, segment_key) is where customers were, `features_before` their features of that day; without
    the one nobody is known to have moved, without the other no reason is. The reason is the `TOLD` measures that
    changed most, as a sentence and as a JSON array of objects with measure, unit, before and after: of those that
    decide (`inputs`), then of the others. Changes are compared in spreads of the measure among all customers of the day
    (its interquartile range). Of the customers in `redrawn` it is `REDRAWN`, without measures.
    """
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in NOTES.items()]
    if before is None:
        return assigned.with_columns(missing)
    last = before.select("customer_id", pl.col("segment_key").alias("moved_from"))
    moved = assigned.select("customer_id", "segment_key").join(last, on="customer_id", how="inner")
    moved = moved.filter(pl.col("segment_key") != pl.col("moved_from")).drop("segment_key")
    reasons = _reasons(moved.select("customer_id"), features, features_before, inputs)
    notes = moved.join(reasons, on="customer_id", how="left")
    if redrawn is not None:
        kept = ~pl.col("customer_id").is_in(redrawn.implode())
        texts = pl.when(kept).then("reason").otherwise(pl.lit(REDRAWN)), pl.when(kept).then("reason_measures")
        notes = notes.with_columns(texts)
    return assigned.join(notes, on="customer_id", how="left", maintain_order="left")


def _reasons(
    moved: pl.DataFrame, now: pl.DataFrame, before: pl.DataFrame | None, inputs: Sequence[str]
) -> pl.DataFrame:
    """customer_id, reason, reason_measures of those who have moved."""
    found: list[tuple[object, str, str]] = []
    if before is not None and moved.height and set(FEATURES) <= set(before.columns):
        spreads = _spreads(now)
        joined = _measures(now, moved).join(_measures(before, moved), on="customer_id", how="inner", suffix="_before")
        told = ((row, _largest(row, spreads, inputs)) for row in joined.iter_rows(named=True))
        words = WORDS_IN_PIECES if in_pieces(now) else WORDS
        found = [(row["customer_id"], *_in_words(row, measures, words)) for row, measures in told if measures]
    kinds = {"customer_id": moved.schema["customer_id"], "reason": pl.String(), "reason_measures": pl.String()}
    return pl.DataFrame(found, schema=kinds, orient="row")


def _measures(features: pl.DataFrame, of: pl.DataFrame) -> pl.DataFrame:
    """The measures as people know them: without the floor that calms the assignment."""
    raw = [pl.col(name) if name in FEATURES else EXPRESSIONS[name].alias(name) for name in WORDS]
    return features.join(of, on="customer_id", how="semi").select("customer_id", *raw)


def _spreads(features: pl.DataFrame) -> dict[str, float]:
    """The robust standard deviation of each measure that differs among customers; of one that mostly does not, all."""
    measures = _measures(features, features.select("customer_id"))
    spreads = {}
    for name in WORDS:
        values = measures[name].cast(pl.Float64)
        high, low, whole = values.quantile(0.75), values.quantile(0.25), values.std()
        spread = (high - low) / _WIDTH if high is not None and low is not None else 0.0
        if wide := spread or (whole if isinstance(whole, float) else 0.0):
            spreads[name] = wide
    return spreads


def _largest(row: Mapping[str, float | None], spreads: Mapping[str, float], inputs: Sequence[str]) -> list[str]:
    """The measures that changed most, inputs first, one of each kind; what reads the same on both days has not."""
    changes = {}
    for name, spread in spreads.items():
        now, before = row[name], row[f"{name}_before"]
        if now is not None and before is not None and _number(now, name) != _number(before, name):
            changes[name] = abs(now - before) / spread
    told: list[str] = []
    for name in sorted(changes, key=lambda name: (name not in inputs, -changes[name])):
        if WORDS[name].kind not in {WORDS[one].kind for one in told}:
            told.append(name)
    return told[:TOLD]


def _in_words(row: Mapping[str, float], told: Sequence[str], words: Mapping[str, Words]) -> tuple[str, str]:
    texts, facts = [], []
    for name in told:
        now, before = row[name], row[f"{name}_before"]
        texts.append(words[name].text.format(f"{_number(before, name)} to {_number(now, name)}"))
        facts.append({"measure": name, "unit": words[name].unit, "before": before, "after": now})
    return ", ".join(texts), json.dumps(facts)


def _number(value: float, name: str) -> str:
    """As many digits as tell something."""
    shown = value * WORDS[name].factor
    size = abs(shown)
    digits = 0 if size >= 100 or shown == round(shown) else 1 if size >= 1 else 2
    return f"{shown:,.{digits}f}"


def share_moved(assignments: pl.DataFrame, before: pl.DataFrame | None) -> float | None:
    """The share of the customers known before who are in another segment now; None where nobody was."""
    if before is None:
        return None
    both = assignments.select("customer_id", "segment_key").join(
        before.select("customer_id", pl.col("segment_key").alias("last")), on="customer_id"
    )
    return int((both["segment_key"] != both["last"]).sum()) / both.height if both.height else None
