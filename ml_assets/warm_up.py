"""`python -m ml_assets.warm_up`: compile at installation what the first run would compile.

That is the kernels of the recommender and the list of fonts. It runs the smallest shop that uses all of it; what
comes out is thrown away, the compiled code stays on disk. Nothing that production calls belongs here.
"""

from datetime import date

import matplotlib.font_manager  # noqa: F401 importing it writes the list
import numpy as np
import polars as pl

from ml_assets.models.recommenders.dense_products import top_factors
from ml_assets.models.recommenders.recommend import recommend
from ml_assets.models.recommenders.related import similar_items
from ml_assets.models.recommenders.training import train_recommender
from ml_assets.settings.recommender import RecommenderSettings

DAY = date(2024, 1, 1)
CUSTOMERS, ITEMS = 60, 12


def main() -> None:
    """Train a model, and ask it for everything."""
    # Every customer leaves out a few items, so that there is something new to recommend.
    pairs = [(customer, item) for customer in range(CUSTOMERS) for item in range(ITEMS) if (customer + item) % 4]
    purchases = pl.DataFrame(
        {
            "customer_id": [customer for customer, _ in pairs],
            "item_id": [item for _, item in pairs],
            "order_day": [DAY] * len(pairs),
            "orders_ago": pl.Series([0] * len(pairs), dtype=pl.UInt32),
            "quantity": [1.0] * len(pairs),
            "amount": [1.0] * len(pairs),
            "weight": pl.Series([1.0] * len(pairs), dtype=pl.Float32),
        }
    )
    items = pl.DataFrame(
        {"item_id": range(ITEMS), "item_name": [f"item {item}" for item in range(ITEMS)], "category": ["all"] * ITEMS}
    )
    settings = RecommenderSettings(k=4, stored=6, min_item_buyers=1)
    model = train_recommender(purchases, items, trained_through=DAY, settings=settings)
    recommend(model, purchases, items, as_of=DAY, settings=settings)
    similar_items(model, items, settings.k)
    factors = np.ones((ITEMS, 2), np.float32)
    top_factors(factors, factors, settings.k, eligible=np.ones(ITEMS, np.bool_))


if __name__ == "__main__":
    main()
