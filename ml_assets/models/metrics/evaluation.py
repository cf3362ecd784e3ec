"""The result of an evaluation: a table of metrics, a breakdown by kinds of customers, and the lists behind both."""

from dataclasses import dataclass
from datetime import date

import polars as pl


@dataclass(frozen=True)
class ListEvaluation:
    """How good lists made at a cut-off would have been."""

    cutoff: date
    """The first day that no model has seen."""
    k: int
    """Items of a list that count."""
    table: pl.DataFrame
    """placement, horizon in days, method, recall, ndcg, hit_rate, each with `_low` and `_high` of its 95 % interval,
    coverage, items_shown, novelty, popularity_share, repeat_share, new_item_share,
    near_duplicate_share, customers."""
    breakdown: pl.DataFrame
    """placement, horizon, kind (orders: how many before the cut-off; segment), which, customers, and the ndcg of
    `recommender` and of the yardstick."""
    choices: dict[str, str]
    """By placement, what was chosen and why, from days before the cut-off alone."""
    notes: list[str]
    """What the data can carry, in sentences."""
    lists: pl.DataFrame
    """customer_id, item_id, placement, rank from 1: the whole lists of every customer with purchases before."""

    def facts(self) -> dict[str, object]:
        """Everything but the lists, for people's tools."""
        return {
            "cutoff": self.cutoff.isoformat(),
            "k": self.k,
            "rows": self.table.to_dicts(),
            "breakdown": self.breakdown.to_dicts(),
            "choices": self.choices,
            "data": self.notes,
        }
