"""The page about segments: how many customers are in each, what tells them apart, who moved, and why.

What is asked of the database and of the lake belongs here, and how it is put together; drawing is in `charts.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, LiteralString

import polars as pl
from markupsafe import Markup

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.features.customers import in_pieces
from ml_assets.lake import Lake
from ml_assets.reports.charts import bars, colour, lines
from ml_assets.reports.page import render
from ml_assets.reports.rows import rows_of
from ml_assets.reports.segment_flows import LOOK_BACK_DAYS, SegmentFlows, are_without_amounts, flows_of, live_segments
from ml_assets.settings.made import WITHOUT_AMOUNTS
from ml_assets.settings.shop import Settings

HISTORY_DAYS = 180
EXAMPLES = 3
RECENT_MOVES = 12
MEASURES = {
    "recency_days": "days since the last order",
    "orders_90d": "orders in 90 days",
    "spend_90d": "spend in 90 days",
    "spend_365d": "spend in 365 days",
    "mean_order_value": "value of an order",
    "basket_items": "different items an order",
    "categories_distinct": "different categories",
    "mean_gap_days": "days between orders",
    "weekend_share": "share of orders at weekends",
    "evening_share": "share of orders in the evening",
    "tenure_days": "days since the first order",
}
"""What tells segments apart, in words: each is compared with the median of all customers."""
PIECES = {"spend_90d": "pieces in 90 days", "spend_365d": "pieces in 365 days", "mean_order_value": "pieces an order"}
"""What the same columns of the features count where the shop has no amounts."""
EXAMPLE_COLUMNS = ("recency_days", "orders_90d", "spend_90d", "spend_365d", "tenure_days")


@dataclass(frozen=True)
class Segment:
    """One segment as the page shows it."""

    key: str
    name: str
    description: str
    customers: int
    share: float
    share_before: float | None
    """Of all customers, `LOOK_BACK_DAYS` earlier."""
    figures: Mapping[str, Any]
    """Its columns of ml.segments."""
    colour: str
    distinct: Markup | None
    """Its measures against the median customer; None where no features are in the lake."""
    examples: list[dict[str, Any]]


def segment_report(connection: ServingConnection, lake: Lake, settings: Settings, *, made_on: date) -> str:
    """The page as HTML. Raises `UserError` where no segments are live."""
    live = live_segments(connection)
    if not live:
        raise UserError("There are no segments yet.", "`ml-assets run` makes them.")
    day: date = live[0]["data_as_of"]
    moved = flows_of(connection, live, day)
    features = _features(connection, lake, day)
    moves = rows_of(connection, MOVES, first=day - timedelta(days=HISTORY_DAYS))
    words = MEASURES | (PIECES if features is not None and in_pieces(features) else {})
    segments = _segments(live, features, moved, words)
    return render(
        "segments.html",
        title=f"Segments of {settings.name or 'the shop'}",
        day=day,
        made_on=made_on,
        customers=sum(segment.customers for segment in segments),
        segments=segments,
        model_version=_model_version(connection),
        value=any(row["mean_alive_probability"] is not None for row in live),
        look_back=LOOK_BACK_DAYS,
        flow=moved.chart,
        moved=_moved(moves),
        sizes=_size_chart(moves, moved.names, moved.colours),
        stability=_stability_chart(moves),
        reasons=rows_of(connection, REASONS, most=RECENT_MOVES),
        names=moved.names,
        catalogue=rows_of(connection, CHANGES),
        columns=EXAMPLE_COLUMNS,
        words=words,
        without_amounts=WITHOUT_AMOUNTS if are_without_amounts(live) else "",
    )


MOVES: LiteralString = """
    SELECT day, from_segment, to_segment, customers, kind
    FROM {ml}.segment_moves
    WHERE day >= %(first)s
    ORDER BY day
"""
CHANGES: LiteralString = """
    SELECT segment_key, segment_name, change, parents, valid_from AS day
    FROM {ml}.segment_catalogue
    WHERE change <> 'kept' AND valid_from > (SELECT min(valid_from) FROM {ml}.segment_catalogue)
    UNION ALL
    SELECT segment_key, segment_name, 'ended', ended_into, valid_to
    FROM {ml}.segment_catalogue
    WHERE ended_into IS NOT NULL
    ORDER BY day DESC, segment_key
"""
REASONS: LiteralString = """
    SELECT customer_id, valid_from, moved_from, segment_key, reason
    FROM {ml}.segment_history
    WHERE kind = 'moved' AND reason IS NOT NULL
    ORDER BY valid_from DESC, customer_id
    LIMIT %(most)s
"""


def _model_version(connection: ServingConnection) -> str:
    found = rows_of(connection, "SELECT model_version FROM {ml}.segment_assignments LIMIT 1")
    return str(found[0]["model_version"]) if found else ""


def _features(connection: ServingConnection, lake: Lake, day: date) -> pl.DataFrame | None:
    """The day's customer features with `segment_key`, as readers see it; None where the lake has them no more."""
    if not lake.exists("customer_features", day):
        return None
    query = connection.schemas.sql("SELECT customer_id, segment_key FROM {ml}.segment_assignments")
    features = lake.read("customer_features", day)
    types = {"customer_id": features.schema["customer_id"], "segment_key": pl.String()}
    assigned = pl.DataFrame(connection.execute(query).fetchall(), schema=types, orient="row")
    return features.join(assigned, on="customer_id", how="inner")


def _segments(
    live: list[dict[str, Any]], features: pl.DataFrame | None, moved: SegmentFlows, words: Mapping[str, str]
) -> list[Segment]:
    return [
        Segment(
            row["segment_key"],
            row["segment_name"],
            row["description"],
            row["customers"],
            row["share"],
            moved.shares_before.get(row["segment_key"]),
            row,
            colour(place),
            None if features is None else _distinct(features, row["segment_key"], row["segment_name"], words),
            [] if features is None else _examples(features, row["segment_key"]),
        )
        for place, row in enumerate(live)
    ]


def _distinct(features: pl.DataFrame, key: str, name: str, words: Mapping[str, str]) -> Markup:
    """Medians of the segment against those of all customers."""
    known = [measure for measure in MEASURES if measure in features.columns]
    own, every = (
        frame.select(pl.col(known).cast(pl.Float64).median()).row(0, named=True)
        for frame in (features.filter(pl.col("segment_key") == key), features)
    )
    ratios = {words[one]: own[one] / every[one] if every[one] and own[one] is not None else None for one in known}
    return bars(ratios, title=f"{name} beside the median customer: how many times as much")


def _examples(features: pl.DataFrame, key: str) -> list[dict[str, Any]]:
    """The customers most like the segment's median, by their ranks among all customers."""
    ranks = features.select(
        "customer_id",
        "segment_key",
        *EXAMPLE_COLUMNS,
        *((pl.col(one).rank() / pl.len()).alias(f"rank_{one}") for one in EXAMPLE_COLUMNS),
    ).filter(pl.col("segment_key") == key)
    far = pl.sum_horizontal((pl.col(f"rank_{one}") - pl.col(f"rank_{one}").median()) ** 2 for one in EXAMPLE_COLUMNS)
    nearest = ranks.with_columns(far.alias("far")).sort("far", "customer_id").head(EXAMPLES)
    return nearest.select("customer_id", *EXAMPLE_COLUMNS).to_dicts()


def _moved(moves: list[dict[str, Any]]) -> dict[str, float | None]:
    """Mean and worst share of the customers who moved in a day."""
    shares = [share for _, share in _moved_shares(moves)]
    return {"mean": sum(shares) / len(shares) if shares else None, "worst": max(shares, default=None)}


def _moved_shares(moves: list[dict[str, Any]]) -> list[tuple[date, float]]:
    found = []
    for day in sorted({row["day"] for row in moves}):
        known = [row for row in moves if row["day"] == day and row["kind"] in ("stayed", "moved")]
        if whole := sum(row["customers"] for row in known):
            found.append((day, sum(row["customers"] for row in known if row["kind"] == "moved") / whole))
    return found


def _stability_chart(moves: list[dict[str, Any]]) -> Markup | None:
    shares = _moved_shares(moves)
    if len(shares) < 2:
        return None
    return lines(
        [day for day, _ in shares],
        {"moved that day": [share * 100 for _, share in shares]},
        title="Share of the customers who moved to another segment, by day",
        unit=" %",
    )


def _size_chart(moves: list[dict[str, Any]], names: Mapping[str, str], colours: Mapping[str, str]) -> Markup | None:
    days = sorted({row["day"] for row in moves})
    if len(days) < 2:
        return None
    sizes: dict[str, dict[date, float]] = {}
    for row in moves:
        if row["to_segment"]:
            of_days = sizes.setdefault(names.get(row["to_segment"], row["to_segment"]), {})
            of_days[row["day"]] = of_days.get(row["day"], 0) + row["customers"]
    order = {name: place for place, name in enumerate(names.values())}
    series = {
        name: [sizes[name].get(day) for day in days] for name in sorted(sizes, key=lambda one: order.get(one, 99))
    }
    return lines(days, series, title="Customers in each segment, by day", unit="", colours=colours)
