"""Feature assets: interactions and customer features as of a day, from a bounded look-back.

The features themselves are in `ml_assets.features`.
"""

from datetime import date

import dagster as dg
import polars as pl

from ml_assets.dagster.shop import Shop
from ml_assets.features.customers import build_customer_features
from ml_assets.features.interactions import build_interactions


def build_feature_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """interactions and customer_features (daily), of which a shop may need one alone."""
    settings = shop.settings
    history = dg.AssetIn(key=shop.key("transactions"), partition_mapping=shop.calendar.lookback)
    catalogue = dg.AssetIn(key=shop.key("items"))

    @shop.daily_asset("features", {"polars", "parquet"}, ins={"transactions": history})
    def interactions(context: dg.AssetExecutionContext, transactions: pl.LazyFrame) -> pl.LazyFrame:
        """Purchases as of the day: one row per customer, item and order within the look-back."""
        return build_interactions(
            transactions,
            as_of=date.fromisoformat(context.partition_key),
            lookback_days=settings.lookback_days,
            weights=settings.events.weights,
        )

    @shop.daily_asset("features", {"polars", "parquet"}, ins={"transactions": history, "items": catalogue})
    def customer_features(
        context: dg.AssetExecutionContext, transactions: pl.LazyFrame, items: pl.LazyFrame
    ) -> pl.LazyFrame:
        """Recency, frequency, spend and habits of every customer as of the day."""
        return build_customer_features(
            transactions,
            items,
            as_of=date.fromisoformat(context.partition_key),
            lookback_days=settings.lookback_days,
            weights=settings.events.weights,
            timezone=settings.timezone,
        )

    made = {"interactions": interactions, "customer_features": customer_features}
    return [asset for name, asset in made.items() if name in settings.subjects]
