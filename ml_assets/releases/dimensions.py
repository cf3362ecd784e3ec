"""The dimension tables beside the releases: profiles of segments, their model's numbers, names of items.

They are written inside the publisher's transaction; the rows of a release are the matter of `partition.py`.
"""

import polars as pl
from psycopg import sql

from ml_assets.database.connection import ServingConnection
from ml_assets.models.segmentation.model import SegmentationModel
from ml_assets.segments import MEDIANS

ITEMS_AT_ONCE = 50_000
PROFILE = (
    "segment_key",
    "segment_name",
    "description",
    "customers",
    "share",
    *(f"median_{name}" for name in MEDIANS),
)
VALUE = ("mean_alive_probability", "mean_expected_spend_90d", "total_expected_spend_90d")
"""Of profiles that were made with the value of customers; null in others."""


def load_segments(connection: ServingConnection, release_id: int, segments: pl.DataFrame) -> None:
    """The profiles that belong to a release of segment_assignments."""
    names = PROFILE + tuple(name for name in VALUE if name in segments.columns)
    insert = connection.schemas.sql(
        "INSERT INTO {store}.segments (release_id, {columns}) VALUES ({values})",
        columns=sql.SQL(", ").join(map(sql.Identifier, names)),
        values=sql.SQL(", ").join(sql.Placeholder() * (len(names) + 1)),
    )
    with connection.cursor() as cursor:
        cursor.executemany(insert, [(release_id, *row) for row in segments.select(names).iter_rows()])


def counted_anew(segments: pl.DataFrame, assignments: pl.DataFrame) -> pl.DataFrame:
    """The profiles with the number of customers that the assignments have, after some were taken out."""
    counts = assignments.group_by("segment_key").agg(pl.len().cast(pl.Int64).alias("customers"))
    counted = segments.drop("customers", "share").join(counts, on="segment_key", how="left", maintain_order="left")
    customers = pl.col("customers").fill_null(0)
    return counted.with_columns(customers, (customers / max(assignments.height, 1)).alias("share"))


def keep_numbers(connection: ServingConnection, model: SegmentationModel) -> None:
    """The numbers of a model, from which `ml.assign_segment` reckons; once for each version."""
    insert = """
        INSERT INTO {meta}.segmentation_models (model_version, inputs, keys, margin, knots, centers, axes)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT DO NOTHING
    """
    # Row by row, but the quantiles of a measure together.
    numbers = [array.ravel().tolist() for array in (model.scaler.knots.T, model.clusters.centers, model.clusters.axes)]
    facts = [model.card.version, list(model.inputs), list(model.keys), model.margin, *numbers]
    connection.execute(connection.schemas.sql(insert), facts)


def upsert_items(connection: ServingConnection, items: pl.DataFrame) -> None:
    """Take over names, categories and brands of items; rows that are already so are not touched, nor locked."""
    kind = "text" if items.schema["item_id"] == pl.String else "bigint"
    upsert = """
        INSERT INTO {store}.items (item_id, item_name, category, brand)
        SELECT n.item_id, n.item_name, n.category, n.brand
        FROM unnest(%(item_id)s::{kind}[], %(item_name)s::text[], %(category)s::text[], %(brand)s::text[])
            AS n (item_id, item_name, category, brand)
        WHERE NOT EXISTS (
            SELECT FROM {store}.items AS o
            WHERE o.item_id = n.item_id
                AND (o.item_name, o.category, o.brand) IS NOT DISTINCT FROM (n.item_name, n.category, n.brand)
        )
        -- The same order everywhere: two publishers at once cannot lock each other out.
        ORDER BY n.item_id
        ON CONFLICT (item_id) DO UPDATE SET
            item_name = excluded.item_name, category = excluded.category, brand = excluded.brand
    """
    query = connection.schemas.sql(upsert, kind=sql.SQL(kind))
    # PostgreSQL's text cannot hold a zero byte; in a name it means nothing.
    if "brand" not in items.columns:
        items = items.with_columns(brand=pl.lit(None, pl.String))
    texts = pl.col("item_name", "category", "brand").cast(pl.String).str.replace_all("\0", "", literal=True)
    rows = items.select("item_id", texts).unique("item_id", keep="last", maintain_order=True).sort("item_id")
    for part in rows.iter_slices(ITEMS_AT_ONCE):
        connection.execute(query, part.to_dict(as_series=False))
