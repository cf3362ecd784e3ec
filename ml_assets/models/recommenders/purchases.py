"""Histories as numbers: the encoded form of interactions that all recommenders read.

Encoding and the counts that several models share belong here: decayed, log and plain. Scoring does not.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from ml_assets.features.interactions import BOUGHT_WEIGHT
from ml_assets.models.kernels.csr import Bools, Csr, Float32, Int32, Int64

RATE_TRIALS = 20
"""Trials that the mean of all items counts as beside what is known of an item's own."""


@dataclass(frozen=True)
class Purchases:
    """Purchases as of a day, sorted by customer, then item. Codes are positions in `customers` and `items`; codes after
    the last customer are guests, each with one order, from whom all learn and for whom nothing is made.

    A purchase is one item in one order; a pair is a customer with an item bought any number of times.
    """

    as_of: date
    """The day D."""
    customers: pl.Series
    """Distinct customer ids, ascending."""
    items: pl.Series
    """Distinct item ids, most purchases first, equal ones ascending: what is used most lies together in the
    processor's caches, and the better seller wins where scores are equal."""
    item: Int32
    """Item code of each purchase."""
    age: Int32
    """Days from the purchase to the day D; 0 on D itself."""
    orders_ago: Int32
    """Position of the order in the customer's history, 0 for the newest."""
    weight: Float32
    """Weight of the event type."""
    orders: Int32
    """Orders of each customer and guest."""
    pair_starts: Int64
    """First purchase of each pair."""
    pairs: Csr
    """Customers and guests x items, the number of purchases of each pair."""
    category: Int32
    """Category code of each item, -1 where it has none."""
    categories: int
    """Number of categories."""

    @classmethod
    def of(cls, interactions: pl.DataFrame, as_of: date, catalogue: pl.DataFrame | None = None) -> Self:
        """Encode interactions as of a day; later rows are left out, whatever the frame holds.

        Categories come from the catalogue (item_id, category); without one, no item has a category.
        """
        known = interactions.filter(pl.col("order_day") <= as_of)
        customers = known["customer_id"].drop_nulls().unique().sort()
        items = known.group_by("item_id").len().sort("len", "item_id", descending=[True, False])["item_id"]
        codes = encode(known["customer_id"], customers)
        codes = codes.zip_with(known["customer_id"].is_not_null(), _guests(known, len(customers)))
        coded = known.select(
            codes.alias("customer"),
            encode(known["item_id"], items).alias("item"),
            (pl.lit(as_of) - pl.col("order_day")).dt.total_days().cast(pl.Int32).alias("age"),
            # The newest order of the frame may be later than D.
            pl.when(pl.col("customer_id").is_not_null())
            .then(pl.col("orders_ago") - pl.col("orders_ago").min().over("customer_id"))
            .otherwise(0)
            .cast(pl.Int32)
            .alias("orders_ago"),
            pl.col("weight").cast(pl.Float32),
        )
        coded = _sorted(coded, len(items))
        customer, item = coded["customer"].to_numpy(), coded["item"].to_numpy()
        new_pair = np.ones(customer.size, dtype=np.bool_)
        new_pair[1:] = (customer[1:] != customer[:-1]) | (item[1:] != item[:-1])
        starts = np.flatnonzero(new_pair).astype(np.int64)
        counts = np.diff(np.append(starts, customer.size))
        rows = max(len(customers), int(customer[-1]) + 1) if customer.size else len(customers)
        indptr = np.searchsorted(customer[starts], np.arange(rows + 1)).astype(np.int64)
        orders = np.zeros(rows, dtype=np.int32)
        category, categories = _categories(items, catalogue)
        np.maximum.at(orders, customer, coded["orders_ago"].to_numpy() + 1)
        return cls(
            as_of=as_of,
            customers=customers,
            items=items,
            item=item,
            age=coded["age"].to_numpy(),
            orders_ago=coded["orders_ago"].to_numpy(),
            weight=coded["weight"].to_numpy(),
            orders=orders,
            pair_starts=starts,
            pairs=Csr.of(indptr, item[starts], counts.astype(np.float32), len(items)),
            category=category,
            categories=categories,
        )

    @property
    def rows(self) -> int:
        """Customers and guests."""
        return self.pairs.rows

    def decayed(self, half_life_days: float) -> Csr:
        """Customers x items, the sum over purchases of weight x 2^(-age / half life)."""
        return self.summed(self.weight * np.exp2(-self.age / np.float32(half_life_days)))

    def summed(self, values: npt.NDArray[np.floating]) -> Csr:
        """Customers x items, the sum of one value per purchase."""
        if not values.size:
            return self.pairs
        return self.pairs.with_data(np.add.reduceat(values, self.pair_starts))

    def category_shares(self, half_life_days: float) -> Csr:
        """Customers x categories, the share of each category in a customer's decayed purchases."""
        decayed = self.decayed(half_life_days)
        rows, category = decayed.row_numbers(), self.category[decayed.indices]
        totals = np.bincount(rows, weights=decayed.data, minlength=decayed.rows)
        known = category >= 0
        keys, places = np.unique(rows[known].astype(np.int64) * self.categories + category[known], return_inverse=True)
        sums = np.bincount(places, weights=decayed.data[known], minlength=keys.size)
        owner, column = np.divmod(keys, max(self.categories, 1))
        indptr = np.searchsorted(owner, np.arange(decayed.rows + 1))
        return Csr.of(indptr, column, sums / np.maximum(totals[owner], 1e-12), self.categories)

    def bought(self) -> Csr:
        """Customers x items, the number of purchases that are more than a passing interest; 0 for mere interest."""
        return self.summed((self.weight >= BOUGHT_WEIGHT).astype(np.float32))

    def only_bought(self, items: Bools) -> Self:
        """The same purchases, where mere interest and items not marked weigh nothing."""
        counts = (self.weight >= BOUGHT_WEIGHT) & items[self.item]
        return replace(self, weight=np.where(counts, self.weight, np.float32(0)))

    def newest_bought(self) -> Int32:
        """Age in days of the newest purchase of each pair that is more than interest; huge where there is none."""
        never = np.iinfo(np.int32).max
        ages = np.where(self.weight >= BOUGHT_WEIGHT, self.age, never)
        return np.minimum.reduceat(ages, self.pair_starts) if ages.size else ages

    def newest(self) -> Int32:
        """Age in days of the newest purchase of each pair."""
        return self.age[self.pair_starts]

    def buyers(self, days: int | None = None) -> Int64:
        """Customers who bought each item, in the last `days` days or ever."""
        newest = self.newest_bought()
        recent = newest < (np.iinfo(np.int32).max if days is None else days)
        return np.bincount(self.pairs.indices[recent], minlength=len(self.items)).astype(np.int64)

    def newcomers(self, days: int) -> Int64:
        """Customers who bought each item in the last `days` days and not before, in the look-back."""
        oldest = self._most(np.where(self.weight >= BOUGHT_WEIGHT, self.age, -1))
        new = (oldest >= 0) & (oldest < days)
        return np.bincount(self.pairs.indices[new], minlength=len(self.items)).astype(np.int64)

    def repeat_rates(self) -> Float32:
        """How readily each item is bought again, relative to all items: 1 as readily as the mean of all.

        An order of a customer who bought the item before is a trial, one that holds it a success; each item has
        `RATE_TRIALS` more trials at the rate of all, so that rare items are near it. 1 where nothing is bought twice.
        """
        bought = self.weight >= BOUGHT_WEIGHT
        times = self.bought().data
        trials = self._most(np.where(bought, self.orders_ago, 0))
        item, items = self.pairs.indices, len(self.items)
        again = np.bincount(item, np.maximum(times - 1, 0), items)
        tried = np.bincount(item, trials, items)
        usual = again.sum() / max(tried.sum(), 1.0)
        if usual == 0:
            return np.ones(items, np.float32)
        return np.asarray((again + RATE_TRIALS * usual) / (tried + RATE_TRIALS) / usual, dtype=np.float32)

    def _most(self, values: Int32) -> Int32:
        """The largest of one value per purchase, for each pair."""
        found: Int32 = np.maximum.reduceat(values, self.pair_starts) if values.size else values
        return found


def _sorted(coded: pl.DataFrame, items: int) -> pl.DataFrame:
    """By customer, item and order. One number for all three sorts faster than three, where 63 bits hold it."""
    customers, places = (coded[name].to_numpy().max(initial=0) + 1 for name in ("customer", "orders_ago"))
    if int(customers) * items * int(places) >= 2**63:
        return coded.sort("customer", "item", "orders_ago")
    pair = pl.col("customer").cast(pl.Int64) * items + pl.col("item")
    return coded.sort(pair * int(places) + pl.col("orders_ago"))


def _guests(known: pl.DataFrame, customers: int) -> pl.Series:
    """The code of each line that is a guest's: the customer null, whose orders have numbers of their own."""
    number = pl.when(pl.col("customer_id").is_null()).then("orders_ago").rank("dense")
    return known.select(customer=customers - 1 + number.cast(pl.Int32)).to_series()


def _categories(items: pl.Series, catalogue: pl.DataFrame | None) -> tuple[Int32, int]:
    """The category code of each item and the number of categories, in the order of their names."""
    if catalogue is None or catalogue.is_empty():
        return np.full(len(items), -1, np.int32), 0
    found = (
        pl.DataFrame({"item_id": items})
        .join(catalogue.select("item_id", "category"), on="item_id", how="left", maintain_order="left")
        .get_column("category")
    )
    names = found.drop_nulls().unique().sort()
    return encode(found, names).fill_null(-1).to_numpy(writable=True), len(names)


def encode(ids: pl.Series, vocabulary: pl.Series) -> pl.Series:
    """The position of each id in the vocabulary, Int32, or -1 where it is not in it."""
    if vocabulary.is_empty():
        return pl.repeat(-1, len(ids), dtype=pl.Int32, eager=True)
    positions = pl.int_range(len(vocabulary), dtype=pl.Int32, eager=True)
    return ids.replace_strict(vocabulary, positions, default=-1, return_dtype=pl.Int32)
