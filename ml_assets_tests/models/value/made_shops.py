"""Shops for tests of customer value: the real one, and made ones."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from ml_assets.features.customers import build_customer_features
from ml_assets.models.value.model import CustomerValueModel
from ml_assets.models.value.train import Past, train_value
from ml_assets_tests.features.lines import Line, day, line, lines

AS_OF = date(2017, 11, 30)


TODAY = 333
"""The day, of lines that are made here."""


SEED = 20170101
Shop = tuple[pl.DataFrame, Past]


def shop_of(transactions: pl.LazyFrame, as_of: date) -> Shop:
    """The customer features of a day, and of 90 and 180 days before."""
    newest, quarter, half = (
        build_customer_features(transactions, None, as_of=as_of - timedelta(days=back), lookback_days=400).collect()
        for back in (0, 90, 180)
    )
    return newest, Past(half, quarter)


def shop_with(*rows: Line) -> Shop:
    return shop_of(lines(*rows), day(TODAY))


def train(shop: Shop) -> CustomerValueModel:
    return train_value(*shop, trained_through=AS_OF, seed=SEED)


def made_shop(customers: int = 150, *, amount: float | None = 10.0) -> list[Line]:
    """Customers from 1 on, who come at a pace of their own for most of a year."""
    rng = np.random.default_rng(0)
    made = []
    for customer in range(1, customers + 1):
        at, every = float(rng.uniform(0, 60)), float(rng.uniform(5, 80))
        while at <= TODAY:
            paid = None if amount is None else amount * float(rng.gamma(2.0))
            made.append(line(customer, 1, int(at), amount=paid))
            at += float(rng.exponential(every)) + 1
    return made
