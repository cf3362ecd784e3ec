"""What an experiment says of parts of it: of each segment, and of the places, reasons and lists that items came from.

Parts are looked at to learn, not to decide: their intervals are made wider by how many there are, and their p-values
corrected over all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import polars as pl

from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.design import Experiment
from ml_assets.experiments.report import ALPHA, LEAST_CUSTOMERS, past_of
from ml_assets.experiments.statistics import Comparison, compare, corrected, winsorised

By = Literal["segment", "placement", "rank", "reason"]
COLUMNS: Mapping[str, str] = {"placement": "placement", "rank": "rank", "reason": "reason_code"}
NO_SEGMENT = "(none)"


@dataclass(frozen=True)
class SegmentPart:
    """A metric of an arm beside the control in one segment, as of the day before customers entered."""

    segment: str
    arm: str
    metric: str
    """revenue, or margin where the shop has costs."""
    control_customers: int
    arm_customers: int
    found: Comparison | None
    """None where an arm has too few."""
    corrected_p: float | None


@dataclass(frozen=True)
class ListedPart:
    """Listed items that were bought, of one list, place or reason."""

    which: str
    items: dict[str, int]
    """By arm."""
    per_100: dict[str, float]
    """The same for every 100 customers of the arm."""


def by_segment(connection: ServingConnection, experiment: Experiment) -> list[SegmentPart]:
    """Revenue, and margin where it is known, by segment and arm, segments with most customers first."""
    query = """
        SELECT coalesce(segment_key, %s), arm, revenue, revenue_before, margin_before,
            CASE WHEN count(margin) OVER () > 0 THEN coalesce(margin, 0) END
        FROM {ml}.experiment_outcomes WHERE experiment = %s ORDER BY customer_id
    """
    rows = connection.execute(connection.schemas.sql(query), [NO_SEGMENT, experiment.name]).fetchall()
    numbers = dict.fromkeys(("revenue", "revenue_before", "margin_before", "margin"), pl.Float64)
    frame = pl.DataFrame(rows, schema={"segment": pl.String, "arm": pl.String, **numbers}, orient="row")
    metrics = ["revenue", "margin"] if frame["margin"].count() else ["revenue"]
    segments = frame["segment"].value_counts(sort=True).sort("count", "segment", descending=[True, False])["segment"]
    each = [(segment, arm.name, metric) for segment in segments for arm in experiment.arms[1:] for metric in metrics]
    parts = [_segment(frame, experiment.control.name, which, ALPHA / len(each)) for which in each]
    p_values = iter(corrected([part.found.p_value for part in parts if part.found]))
    return [replace(part, corrected_p=next(p_values)) if part.found else part for part in parts]


def by_listing(
    connection: ServingConnection, experiment: Experiment, by: By, customers: Mapping[str, int]
) -> list[ListedPart]:
    """Listed items that each arm bought, by list, rank or reason; `customers` are those of each arm."""
    query = connection.schemas.sql(
        "SELECT placement, rank, reason_code, arm, items FROM {ml}.experiment_listed_items WHERE experiment = %s"
    )
    rows = connection.execute(query, [experiment.name]).fetchall()
    names = ("placement", "rank", "reason_code", "arm", "items")
    found: dict[Any, dict[str, int]] = {}
    for row in (dict(zip(names, one, strict=True)) for one in rows):
        counts = found.setdefault(row[COLUMNS[by]], dict.fromkeys(customers, 0))
        counts[row["arm"]] = counts.get(row["arm"], 0) + row["items"]
    ordered = sorted(found) if by == "rank" else sorted(found, key=lambda key: (-sum(found[key].values()), str(key)))
    return [
        ListedPart(
            str(which) or NO_SEGMENT,
            found[which],
            {arm: 100 * count / customers[arm] if customers.get(arm) else 0.0 for arm, count in found[which].items()},
        )
        for which in ordered
    ]


def _segment(frame: pl.DataFrame, control: str, which: tuple[str, str, str], alpha: float) -> SegmentPart:
    """`which`: the segment, the arm and the metric."""
    segment, arm, metric = which
    mine, theirs = (frame.filter(pl.col("segment") == segment, pl.col("arm") == name) for name in (control, arm))
    if min(mine.height, theirs.height) < LEAST_CUSTOMERS:
        return SegmentPart(*which, mine.height, theirs.height, None, None)
    values = winsorised([part[metric].to_numpy() for part in (mine, theirs)])
    past = past_of(metric, frame) or "revenue_before"
    before = winsorised([part[past].fill_null(float("nan")).to_numpy() for part in (mine, theirs)])
    found = compare(values[0], values[1], (before[0], before[1]), alpha=alpha)
    return SegmentPart(*which, mine.height, theirs.height, found, None)
