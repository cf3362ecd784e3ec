"""Pictures of models for cards and asset metadata, as PNG bytes.

Drawing belongs here; the numbers come ready-made.
"""

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ml_assets.plots.png import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, RED, png_of, without_frame

MOST_METHODS = 10
"""Methods of a backtest that are drawn, beside those with a role."""
ROLES = {"chosen": BLUE, "champion": RED, "yardstick": PURPLE}
"""Colour of each role in a backtest."""

_PANELS = (
    ("share", "Share of customers", "%", 100.0, BLUE),
    ("median_spend_90d", "Spend in 90 days", "median, shop's currency", 1.0, ORANGE),
    ("median_orders_90d", "Orders in 90 days", "median", 1.0, GREEN),
    ("median_recency_days", "Last order", "median, days ago", 1.0, PURPLE),
)


def segment_profile_png(segments: pl.DataFrame) -> bytes:
    """One row of bars per segment: share, spend, orders and recency. Columns as in the segments of a day."""
    figure = Figure(figsize=(10, 1.5 + 0.4 * max(segments.height, 1)), layout="constrained")
    axes = figure.subplots(1, len(_PANELS), sharey=True, squeeze=False)[0]
    names = segments["segment_name"].to_list()
    for axis, (column, title, unit, factor, colour) in zip(axes, _PANELS, strict=True):
        values = [None if value is None else float(value) * factor for value in segments[column]]
        lengths = [value or 0.0 for value in values]
        bars = axis.barh(range(len(names)), lengths, color=colour, height=0.65)
        axis.bar_label(
            bars, labels=["nobody" if value is None else f"{value:,.0f}" for value in values], padding=3, fontsize=8
        )
        axis.set_title(title, fontsize=10)
        axis.set_xlabel(unit, color=GREY)
        _bare(axis, lengths)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    figure.suptitle("What the segments look like", fontweight="bold")
    return png_of(figure)


def backtest_png(summary: pl.DataFrame) -> bytes:
    """NDCG of each method with its 95 % interval, a panel per placement and horizon, best first.

    Columns: placement, horizon in days, method, role, ndcg, ndcg_low, ndcg_high. Chosen method, champion and
    yardsticks are coloured.
    """
    panels = summary.partition_by("placement", "horizon", maintain_order=True)
    across = min(2, len(panels))
    down = -(-len(panels) // across)
    most = min(MOST_METHODS + 3, max(panel.height for panel in panels))
    figure = Figure(figsize=(10, 0.9 + down * (0.7 + 0.2 * most)), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False)
    for axis, panel in zip(grid.flat, panels, strict=False):
        _interval_panel(axis, panel.sort("ndcg"))
    for axis in list(grid.flat)[len(panels) :]:
        axis.set_visible(False)
    handles = [Line2D([], [], color=colour, marker="o", linewidth=2, label=role) for role, colour in ROLES.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle("NDCG@10 on the shop's own past, with 95 % intervals", fontweight="bold")
    return png_of(figure)


def _interval_panel(axis: Axes, panel: pl.DataFrame) -> None:
    """One line per method; the first row is lowest. Of the others only the best are drawn."""
    panel = panel.filter((pl.col("role") != "") | (pl.int_range(pl.len()) >= pl.len() - MOST_METHODS))
    for place, row in enumerate(panel.iter_rows(named=True)):
        colour = ROLES.get(row["role"], PALE)
        axis.plot([row["ndcg_low"], row["ndcg_high"]], [place, place], color=colour, linewidth=2)
        axis.plot([row["ndcg"]], [place], color=colour, marker="o", markersize=5)
        axis.annotate(
            f"{row['ndcg']:.4f}", (row["ndcg_high"], place), xytext=(5, 0), textcoords="offset points",
            va="center", fontsize=7, color=GREY,
        )  # fmt: skip
    axis.set_yticks(range(panel.height), [str(name).replace("_", " ") for name in panel["method"]], fontsize=8)
    axis.set_title(f"{str(panel['placement'][0]).replace('_', ' ')}, {panel['horizon'][0]} days", fontsize=10)
    axis.set_xlim(0, 1.2 * max([*panel["ndcg_high"], 1e-6]))
    axis.tick_params(left=False, labelsize=7)
    without_frame(axis)


def _bare(axis: Axes, values: Sequence[float]) -> None:
    """Bars carry their numbers, so the axis needs no ticks, only room for the labels."""
    axis.set_xlim(0, 1.25 * max(values, default=0.0) or 1.0)
    axis.set_xticks([])
    axis.tick_params(left=False)
    without_frame(axis, "bottom")
