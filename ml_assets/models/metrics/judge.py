"""Judging lists of codes by what customers bought afterwards, one number per customer.

The metrics' definitions and the truth of a placement belong here; which methods are compared, over which windows, and
what follows from it do not. The full catalogue counts, and every customer who buys in the window, known or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from ml_assets.features.interactions import BOUGHT_WEIGHT, event_weight
from ml_assets.models.kernels.csr import Bools, Float64, Int32, Int64
from ml_assets.models.placements import REPEATS
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.recommenders.purchases import encode


@dataclass(frozen=True)
class CustomerMetrics:
    """One number per judged customer.

    With hit(r) = 1 where the item at rank r (from 1) is relevant and R the number of relevant items of the customer:
    recall = hits in the first K / R; ndcg = sum of hit(r) / log2(r + 1) over the first K, divided by the same sum for
    min(K, R) hits at the top (Jarvelin and Kekalainen, TOIS 2002, binary gain); hit_rate = whether there is a hit.
    """

    recall: Float64
    ndcg: Float64
    hit_rate: Float64


@dataclass(frozen=True)
class Judge:
    """What the customers of one window bought, as codes of a snapshot from before it."""

    cutoff: date
    horizon: int
    """Days of the window, from the cut-off on."""
    placement: str
    known: Int32
    """Codes of the judged customers that the snapshot knows, ascending."""
    strangers: int
    """Judged customers without purchases before the cut-off; they are last in every array of metrics."""
    relevant: Int64
    """Relevant items of each judged customer."""
    _keys: Int64
    """customer x (items + 1) + item of the relevant pairs in codes, ascending; strangers follow the customers."""
    _items: int
    k: int = 10

    @property
    def customers(self) -> int:
        """Judged customers."""
        return self.relevant.size

    def metrics(self, items: Int32, popular: Int32) -> CustomerMetrics:
        """Judge lists (all customers of the snapshot x at least K items, -1 for none).

        Strangers are shown `popular`, item codes, best first.
        """
        shown = np.full((self.customers, self.k), -1, np.int32)
        width = min(self.k, items.shape[1])
        shown[: self.known.size, :width] = items[self.known, :width]
        shown[self.known.size :, : min(self.k, popular.size)] = popular[: self.k]
        hits = self._hits(shown)
        discounts = 1.0 / np.log2(np.arange(2, self.k + 2))
        ideal = np.append(0.0, np.cumsum(discounts))[np.minimum(self.relevant, self.k)]
        found = hits.sum(axis=1)
        return CustomerMetrics(found / self.relevant, hits @ discounts / ideal, (found > 0).astype(np.float64))

    def is_relevant(self, customers: Int32, items: Int32) -> Bools:
        """Whether each pair of codes was bought in the window."""
        places = np.searchsorted(self.known, customers)
        judged = self.known[np.minimum(places, max(self.known.size - 1, 0))] == customers if self.known.size else False
        return judged & self._contains(np.where(judged, places, 0).astype(np.int64), items)

    def _hits(self, shown: Int32) -> Bools:
        rows = np.arange(self.customers, dtype=np.int64)[:, np.newaxis]
        return (shown >= 0) & self._contains(rows, shown)

    def _contains(self, rows: Int64, items: Int32) -> Bools:
        if not self._keys.size:
            return np.zeros(np.broadcast_shapes(rows.shape, items.shape), np.bool_)
        wanted = rows * (self._items + 1) + items
        found: Bools = self._keys[np.minimum(np.searchsorted(self._keys, wanted), self._keys.size - 1)] == wanted
        return found


def bought_after(events: pl.LazyFrame, cutoff: date, days: int, weights: dict[str, float]) -> pl.DataFrame:
    """customer_id, item_id and `after`, the days from the cut-off to the first purchase in the window.

    Returns and mere interest are no purchases; many lines of an item are one. Guests cannot be shown a list.
    """
    last = cutoff + timedelta(days=days - 1)
    return (
        events.filter(pl.col("day").is_between(cutoff, last), ~pl.col("is_return"), pl.col("customer_id").is_not_null())
        .with_columns(event_weight(weights))
        .filter(pl.col("weight") >= BOUGHT_WEIGHT)
        .group_by("customer_id", "item_id")
        .agg((pl.col("day").min() - pl.lit(cutoff)).dt.total_days().alias("after"))
        .collect()
    )


def judges(
    snapshot: Snapshot,
    bought: pl.DataFrame,
    *,
    cutoff: date,
    horizons: Sequence[int],
    placements: Sequence[str],
    k: int = 10,
) -> list[Judge]:
    """One judge per placement and horizon; `bought` comes from `bought_after` for the longest horizon."""
    purchases = snapshot.purchases
    width = snapshot.items + 1
    rows = encode(bought["customer_id"], purchases.customers).to_numpy().astype(np.int64)
    codes = encode(bought["item_id"], purchases.items).to_numpy().astype(np.int64)
    old = snapshot.bought.row_numbers().astype(np.int64) * width + snapshot.bought.indices
    repeat = (rows >= 0) & (codes >= 0) & np.isin(rows * width + codes, old)
    # Strangers get the rows after all customers, and items never sold before a code that no list holds.
    unknown = bought["customer_id"].filter(pl.Series(rows < 0)).unique().sort()
    rows[rows < 0] = snapshot.customers + encode(bought["customer_id"].filter(pl.Series(rows < 0)), unknown).to_numpy()
    codes[codes < 0] = snapshot.items
    after = bought["after"].to_numpy()
    made = []
    for placement in placements:
        asked = {"allowed": np.ones(rows.size, np.bool_), "never": ~repeat, "only": repeat}[REPEATS[placement]]
        for horizon in horizons:
            chosen = asked & (after < horizon)
            judged, owner, counts = np.unique(rows[chosen], return_inverse=True, return_counts=True)
            known = judged[judged < snapshot.customers].astype(np.int32)
            pairs = owner[codes[chosen] < snapshot.items] * width + codes[chosen][codes[chosen] < snapshot.items]
            made.append(
                Judge(
                    cutoff=cutoff,
                    horizon=horizon,
                    placement=placement,
                    known=known,
                    strangers=judged.size - known.size,
                    relevant=counts.astype(np.int64),
                    _keys=np.unique(pairs),
                    _items=snapshot.items,
                    k=k,
                )
            )
    return made
