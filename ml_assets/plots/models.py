"""Pictures of models for cards and asset metadata, as PNG bytes.

Drawing belongs here; the numbers come ready-made.
"""

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ml_assets.plots.png import BLUE, GREY, PALE, PURPLE, RED, png_of, without_frame

MOST_METHODS = 10
"""Methods of a backtest that are drawn, beside those with a role."""
ROLES = {"chosen": BLUE, "champion": RED, "yardstick": PURPLE}
"""Colour of each role in a backtest."""


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
