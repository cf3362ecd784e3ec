"""Pictures of models for cards and asset metadata, as PNG bytes.

Drawing belongs here; the numbers come ready-made. Figures are made without pyplot, whose global state would leak
between threads and open a display.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

# Okabe and Ito's colours, which people with any colour vision can tell apart; black is kept for text.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
_GREY = "#555555"
PALETTE = 64

_PANELS = (
    ("share", "Share of customers", "%", 100.0),
    ("median_spend_90d", "Spend in 90 days", "median, shop's currency", 1.0),
    ("median_orders_90d", "Orders in 90 days", "median", 1.0),
    ("median_recency_days", "Last order", "median, days ago", 1.0),
)


def segment_profile_png(segments: pl.DataFrame) -> bytes:
    """One row of bars per segment: share, spend, orders and recency. Columns as in the segments of a day."""
    figure = Figure(figsize=(10, 1.5 + 0.4 * max(segments.height, 1)), layout="constrained")
    axes = figure.subplots(1, len(_PANELS), sharey=True, squeeze=False)[0]
    names = segments["segment_name"].to_list()
    for axis, colour, (column, title, unit, factor) in zip(axes, COLOURS, _PANELS, strict=False):
        values = [None if value is None else float(value) * factor for value in segments[column]]
        lengths = [value or 0.0 for value in values]
        bars = axis.barh(range(len(names)), lengths, color=colour, height=0.65)
        axis.bar_label(
            bars, labels=["nobody" if value is None else f"{value:,.0f}" for value in values], padding=3, fontsize=8
        )
        axis.set_title(title, fontsize=10)
        axis.set_xlabel(unit, color=_GREY)
        _bare(axis, lengths)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    figure.suptitle("What the segments look like", fontweight="bold")
    return _png(figure)


def metric_comparison_png(table: pl.DataFrame) -> bytes:
    """NDCG and recall of each method, grouped by placement and horizon, higher is better.

    Columns: placement (or task), horizon in days, method, ndcg, recall.
    """
    kind = "placement" if "placement" in table.columns else "task"
    methods = table["method"].unique(maintain_order=True).to_list()
    groups = table.select(kind, "horizon").unique(maintain_order=True).rows()
    rows = len(groups) * len(methods)
    figure = Figure(figsize=(10, 1.9 + 0.27 * (rows + len(groups))), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True, squeeze=False)[0]
    for axis, metric, title in zip(axes, ("ndcg", "recall"), ("NDCG", "Recall"), strict=True):
        _grouped_bars(axis, table, kind=kind, groups=groups, methods=methods, metric=metric)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("0 to 1, higher is better", color=_GREY)
    axes[0].set_yticks(
        [_centre(group, len(methods)) for group in range(len(groups))],
        [f"{str(name).replace('_', ' ')}\n{horizon} days" for name, horizon in groups],
    )
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(methods), 4), frameon=False)
    figure.suptitle("How good the lists are", fontweight="bold")
    return _png(figure)


def _grouped_bars(
    axis: Axes, table: pl.DataFrame, *, kind: str, groups: Sequence[tuple[str, int]], methods: list[str], metric: str
) -> None:
    """One bar per group and method; a combination that was not measured stays empty."""
    measured = {(row[kind], row["horizon"], row["method"]): row[metric] for row in table.to_dicts()}
    shown: list[float] = []
    for position, method in enumerate(methods):
        values = [measured.get((*group, method)) for group in groups]
        places = [group * (len(methods) + 1) + position for group in range(len(groups))]
        lengths = [float(value or 0) for value in values]
        colour = COLOURS[position % len(COLOURS)]
        bars = axis.barh(places, lengths, color=colour, height=0.85, label=method.replace("_", " "))
        axis.bar_label(
            bars, labels=["" if value is None else f"{value:.3f}" for value in values], padding=3, fontsize=8
        )
        shown += lengths
    _bare(axis, shown)


def _centre(group: int, methods: int) -> float:
    return group * (methods + 1) + (methods - 1) / 2


def _bare(axis: Axes, values: Sequence[float]) -> None:
    """Bars carry their numbers, so the axis needs no ticks, only room for the labels."""
    axis.set_xlim(0, 1.25 * max(values, default=0.0) or 1.0)
    axis.set_xticks([])
    axis.tick_params(left=False)
    axis.spines[["top", "right", "bottom"]].set_visible(False)


def _png(figure: Figure) -> bytes:
    full, small = io.BytesIO(), io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(full, format="png", dpi=100)
    # A palette makes the file a third: metadata travels with every event of an asset.
    Image.open(full).convert("RGB").quantize(PALETTE).save(small, format="PNG", optimize=True)
    return small.getvalue()
