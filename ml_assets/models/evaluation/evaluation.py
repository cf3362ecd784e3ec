"""The result of an evaluation: a table of metrics and the lists behind it."""

import json
from dataclasses import dataclass
from datetime import date

import polars as pl


@dataclass(frozen=True)
class Evaluation:
    """How good lists made at a cut-off would have been."""

    cutoff: date
    """The first day that no model has seen."""
    k: int
    """Items of a list that count."""
    table: pl.DataFrame
    """placement, task (all: every item bought; new: items never bought before), horizon in days, method, recall,
    ndcg, hit_rate, coverage (share of the eligible items shown to anyone), items_shown, customers."""
    lists: pl.DataFrame
    """customer_id, item_id, placement, rank from 1: the whole lists of every customer with purchases before."""

    def to_json(self) -> str:
        """The table with its cut-off, for people's tools."""
        facts = {"cutoff": self.cutoff.isoformat(), "k": self.k, "rows": self.table.to_dicts()}
        return json.dumps(facts, indent=2)
