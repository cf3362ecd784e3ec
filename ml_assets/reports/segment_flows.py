"""Where customers moved between segments in the last weeks: the drawing, and the names that tell segments apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, LiteralString

from markupsafe import Markup

from ml_assets.database.connection import ServingConnection
from ml_assets.reports.charts import colour, flows
from ml_assets.reports.rows import rows_of

LOOK_BACK_DAYS = 28
"""Flows are shown from so many days ago."""
NEW, LEFT = "(joined)", "(left)"
"""Where customers were before they had a segment, or are when they have none; no names that a segment may have."""
FLOWS: LiteralString = """
    SELECT b.segment_key AS from_segment, n.segment_key AS to_segment, count(*) AS customers
    FROM (
        SELECT customer_id, segment_key FROM {ml}.segment_history
        WHERE valid_from <= %(then)s AND (valid_to IS NULL OR valid_to > %(then)s)
    ) AS b
    FULL JOIN (
        SELECT customer_id, segment_key FROM {ml}.segment_history
        WHERE valid_from <= %(day)s AND (valid_to IS NULL OR valid_to > %(day)s)
    ) AS n ON n.customer_id = b.customer_id
    GROUP BY 1, 2
"""


@dataclass(frozen=True)
class SegmentFlows:
    """Who went where since `LOOK_BACK_DAYS` ago."""

    names: Mapping[str, str]
    """By key, of segments of the past too."""
    colours: Mapping[str, str]
    """By name."""
    shares_before: Mapping[str, float]
    """Of all customers then, by key; segments that there were then alone."""
    chart: Markup | None
    """None where segments are younger."""


def live_segments(connection: ServingConnection) -> list[dict[str, Any]]:
    """The rows of ml.segments, those that spend most first; without amounts those that order most."""
    return rows_of(
        connection,
        """
        SELECT * FROM {ml}.segments
        ORDER BY median_spend_365d DESC NULLS LAST, median_orders_90d DESC NULLS LAST, customers DESC
        """,
    )


def are_without_amounts(live: list[dict[str, Any]]) -> bool:
    """Whether these rows of ml.segments tell orders and no spend: the shop has no amounts."""
    told = [row for row in live if row["median_orders_90d"] is not None]
    return bool(told) and all(row["median_spend_90d"] is None for row in told)


def flows_of(connection: ServingConnection, live: list[dict[str, Any]], day: date) -> SegmentFlows:
    """What became of the customers of the segments of `LOOK_BACK_DAYS` before a day; `live` comes from ml.segments."""
    now = {row["segment_key"]: row["segment_name"] for row in live}
    names = _told_apart(now | _names_of_the_past(connection) | now)
    colours = {name: colour(place) for place, name in enumerate(names.values())}
    flow = rows_of(connection, FLOWS, then=day - timedelta(days=LOOK_BACK_DAYS), day=day)
    before: dict[str, int] = {}
    for row in flow:
        if key := row["from_segment"]:
            before[key] = before.get(key, 0) + row["customers"]
    whole = sum(before.values())
    shares = {key: count / whole for key, count in before.items()}
    return SegmentFlows(names, colours, shares, _flow_chart(flow, names, colours, day))


def _names_of_the_past(connection: ServingConnection) -> dict[str, str]:
    rows = rows_of(connection, "SELECT segment_key, segment_name FROM {ml}.segment_catalogue ORDER BY valid_from")
    return {row["segment_key"]: row["segment_name"] for row in rows}


def _told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Names by key, with the key behind one that another segment has, or had when it ended."""
    told: dict[str, str] = {}
    for key, name in names.items():
        told[key] = f"{name} ({key})" if name in told.values() else name
    return told


def _flow_chart(
    flow: list[dict[str, Any]], names: Mapping[str, str], colours: Mapping[str, str], day: date
) -> Markup | None:
    if not any(row["from_segment"] for row in flow):
        return None
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    moved: dict[tuple[str, str], float] = {}
    order = {key: place for place, key in enumerate(names)}
    for row in sorted(flow, key=lambda one: (order.get(one["from_segment"], 99), order.get(one["to_segment"], 99))):
        start = names.get(row["from_segment"], NEW) if row["from_segment"] else NEW
        end = names.get(row["to_segment"], LEFT) if row["to_segment"] else LEFT
        before[start] = before.get(start, 0) + row["customers"]
        after[end] = after.get(end, 0) + row["customers"]
        moved[start, end] = moved.get((start, end), 0) + row["customers"]
    title = f"Where customers moved between {day - timedelta(days=LOOK_BACK_DAYS):%d %b} and {day:%d %b %Y}"
    return flows(before, after, moved, colours, title)
