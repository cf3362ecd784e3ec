"""What `ml-assets demo` shows: two customers side by side, segments, freshness, evaluation.

Lists, segments and freshness are read from the SQL contract, as an application would. The contract has ids only: the
names of items come from ml_store, the evaluation from the registry, and the choice of two customers with different
tastes from the lake.
"""

from datetime import date

import numpy as np
import polars as pl

from ml_assets.books.freshness import read_freshness
from ml_assets.books.models import champion
from ml_assets.cli.console import table
from ml_assets.cli.evaluate import show_evaluation
from ml_assets.cli.status import show_freshness
from ml_assets.database.connection import ServingConnection, connect
from ml_assets.lake import Lake
from ml_assets.models.metrics.card_metrics import metrics_table
from ml_assets.settings.shop import Settings

SHOWN = {"for_you": ("For you", 8), "discover": ("Discover: never bought before", 5)}
# Enough orders that tastes are habits, and lists that do not repeat a name: variants of one product often share it.
MIN_ORDERS = 20
MIN_NAMES = 7
# Most frequent ones that are compared with each other.
CANDIDATES = 3000


def show(settings: Settings, day: date) -> None:
    """Print the results of a day."""
    lake = Lake.of(settings)
    pair = contrasting_customers(lake.read("interactions", day), lake.read("recommendations", day), lake.read("items"))
    with connect(settings) as connection:
        for placement, (title, count) in SHOWN.items() if pair else ():
            _show_side_by_side(connection, pair, placement, title, count)
        _show_segments(connection)
        model = champion(connection, "recommender", day, "for_you")
        show_freshness(read_freshness(connection), settings.tz)
    if model is not None and model.metrics:
        title = f"{model.version}, judged on the weeks before {model.trained_through}, beside the best sellers"
        show_evaluation(metrics_table(model.metrics), title)


def contrasting_customers(
    interactions: pl.DataFrame, recommendations: pl.DataFrame, items: pl.DataFrame
) -> list[object]:
    """Two frequent customers whose `for_you` lists have varied names and the fewest categories in common.

    The measure is the cosine of the lists' category counts; of equal pairs the first ids win.
    """
    listed = (
        recommendations.filter(pl.col("placement") == "for_you")
        .select("customer_id", pl.col("item_ids").list.head(SHOWN["for_you"][1]).alias("item_id"))
        .explode("item_id")
        .join(items, on="item_id", how="left")
        .with_columns(pl.col("category").fill_null("other"))
    )
    orders = interactions.group_by("customer_id").agg(orders=pl.col("orders_ago").max() + 1)
    names = listed.group_by("customer_id").agg(names=pl.col("item_name").n_unique())
    ranked = orders.join(names, on="customer_id").sort("orders", "customer_id", descending=[True, False])
    varied = ranked.filter(pl.col("orders") >= MIN_ORDERS, pl.col("names") >= MIN_NAMES)
    chosen = (varied if varied.height > 1 else ranked).head(CANDIDATES)
    if chosen.is_empty():
        return []
    counts = (
        listed.join(chosen, on="customer_id", how="semi")
        .pivot("category", index="customer_id", values="item_id", aggregate_function="len")
        .fill_null(0)
        .sort("customer_id")
    )
    vectors = counts.drop("customer_id").to_numpy().astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    first, second = np.unravel_index(np.argmin(vectors @ vectors.T), (len(vectors), len(vectors)))
    ids = counts["customer_id"].to_list()
    return [ids[first], ids[second]]


def _show_side_by_side(
    connection: ServingConnection, pair: list[object], placement: str, title: str, count: int
) -> None:
    query = """
        SELECT r.rank, coalesce(i.item_name, r.item_id::text), r.reason_text
        FROM {ml}.recommendations AS r LEFT JOIN {store}.items AS i USING (item_id)
        WHERE r.customer_id = %s AND r.placement = %s AND r.rank <= %s
        ORDER BY r.rank
        """
    named = connection.schemas.sql(query)
    lists = [connection.execute(named, [customer, placement, count]).fetchall() for customer in pair]
    rows = [
        [rank + 1, *(cell for column in lists for cell in (column[rank][1:] if rank < len(column) else ("", "")))]
        for rank in range(max(map(len, lists)))
    ]
    columns = ["", f"customer {pair[0]}", "because", f"customer {pair[1]} ", "because "]
    table(title, columns, rows, right=[""], one_line=columns[1::2])


def _show_segments(connection: ServingConnection) -> None:
    query = """
        SELECT segment_name, customers, share, median_recency_days, median_orders_90d, median_spend_90d,
            median_spend_365d
        FROM {ml}.segments
        ORDER BY median_spend_365d DESC NULLS LAST
        """
    rows = [
        [name, f"{customers:,}", f"{share:.0%}", *(f"{value or 0:,.0f}" for value in medians)]
        for name, customers, share, *medians in connection.execute(connection.schemas.sql(query)).fetchall()
    ]
    columns = [
        "segment",
        "customers",
        "share",
        "days since order",
        "orders in 90 d",
        "spend in 90 d",
        "spend in a year",
    ]
    table("Segments, with the median of each", columns, rows, right=columns[1:])
