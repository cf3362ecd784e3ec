"""Made-up shops of several kinds, for benchmarks of selection: tastes and repeats are drawn, nothing is copied.

Every customer belongs to a group with a taste, orders at a rhythm of their own, and takes in an order what they took
before with a chance, else something new by taste, by what sells this week and by what goes with their last purchases.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import numpy as np
import polars as pl

LAST_DAY = date(2024, 6, 30)


@dataclass(frozen=True)
class Kind:
    """What a shop is like."""

    customers: int
    items: int
    days: int
    orders: float
    """Mean orders of a customer."""
    basket: int
    """Mean items of an order."""
    again: float
    """Chance that an item of an order is one that the customer had."""
    groups: int = 20
    taste: float = 12.0
    """How many times as often an item is taken by its own group."""
    beside: float = 4.0
    """How many times as often an item is taken after one that it goes with."""
    sessions: float = 0.0
    """Share of customers whose orders all fall into three days."""
    steady: float = 1.5
    """Spread of the rates at which items are taken again."""


KINDS = {
    "seven weeks": Kind(4000, 3000, 49 + 30, 7.5, 6, 0.35),
    "tiny": Kind(150, 300, 120, 12.0, 5, 0.5, groups=5),
    "films": Kind(1200, 900, 270, 10.0, 4, 0.0, beside=8.0),
    "ratings": Kind(1500, 900, 270, 6.0, 8, 0.0, sessions=0.6, beside=6.0),
}


def made_shop(kind: Kind, seed: int = 7) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Order lines up to `LAST_DAY`, and the items."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, kind.groups, kind.items)
    fame = 1 / (1 + rng.permutation(kind.items)) ** 0.8
    weekly = rng.lognormal(0, 0.5, (kind.days // 7 + 1, kind.items))
    steadiness = rng.lognormal(0, kind.steady, kind.items)
    rows: list[tuple[int, int, int]] = []
    for customer in range(kind.customers):
        likes = fame * np.where(group == rng.integers(kind.groups), kind.taste, 1.0)
        had: dict[int, float] = {}
        for day in _days(kind, rng):
            wanted = likes * weekly[day // 7]
            for item in list(had)[-5:]:
                wanted[max(item - 2, 0) : item + 3] *= kind.beside
            if not kind.again:
                wanted[list(had)] = 0.0
            taken = _basket(kind, rng, had, wanted, steadiness)
            rows += [(customer, item, day) for item in taken]
            for item in taken:
                had[item] = had.get(item, 0.0) + 1
    return _events(rows, kind.days), pl.DataFrame(
        {
            "item_id": range(kind.items),
            "item_name": [f"Item {number}" for number in range(kind.items)],
            "category": [f"group {number}" for number in group],
        }
    )


def _days(kind: Kind, rng: np.random.Generator) -> list[int]:
    orders = min(1 + rng.poisson(rng.gamma(2.0, (kind.orders - 1) / 2.0)), kind.days)
    if rng.random() < kind.sessions:
        first = int(rng.integers(kind.days))
        return [min(first + int(number), kind.days - 1) for number in range(min(orders, 3))]
    return sorted(rng.choice(kind.days, orders, replace=False).tolist())


def _basket(
    kind: Kind,
    rng: np.random.Generator,
    had: Mapping[int, float],
    wanted: np.ndarray,
    steadiness: np.ndarray,
) -> list[int]:
    size = 1 + int(rng.poisson(kind.basket - 1))
    again = min(int(rng.binomial(size, kind.again)), len(had)) if had else 0
    taken: list[int] = []
    if again:
        known = np.fromiter(had, np.int64)
        chances = np.fromiter(had.values(), np.float64) * steadiness[known]
        taken = rng.choice(known, again, replace=False, p=chances / chances.sum()).tolist()
    fresh = rng.choice(wanted.size, size - again, replace=False, p=wanted / wanted.sum()).tolist()
    return list(dict.fromkeys([*taken, *fresh]))


def _events(rows: list[tuple[int, int, int]], days: int) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["customer_id", "item_id", "number"], orient="row")
    day = pl.lit(LAST_DAY - timedelta(days=days - 1)) + pl.duration(days=pl.col("number"))
    return frame.select(
        "customer_id",
        "item_id",
        occurred_at=day.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        day=day.cast(pl.Date),
        quantity=pl.lit(1.0),
        amount=pl.lit(3.0),
        order_id=pl.format("{}-{}", "customer_id", "number"),
        event_type=pl.lit(None, dtype=pl.String),
        is_return=pl.lit(value=False),
    )


MADE: Mapping[str, Callable[[], tuple[pl.DataFrame, pl.DataFrame]]] = {
    name: partial(made_shop, kind) for name, kind in KINDS.items()
}
