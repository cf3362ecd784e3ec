"""Pictures of segments for cards and asset metadata, as PNG bytes.

Drawing belongs here; the numbers come ready-made.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ml_assets.plots.png import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, png_of, without_frame

_PANELS = (
    ("share", "Share of customers", "%", 100.0, BLUE),
    ("median_spend_90d", "Spend in 90 days", "median, shop's currency", 1.0, ORANGE),
    ("median_orders_90d", "Orders in 90 days", "median", 1.0, GREEN),
    ("median_recency_days", "Last order", "median, days ago", 1.0, PURPLE),
)


def segment_profile_png(segments: pl.DataFrame) -> bytes:
    """One row of bars per segment: share, spend, orders and recency. Columns as in the segments of a day.

    What nobody knows, such as the spend of a shop without amounts, has no bars.
    """
    known = [panel for panel in _PANELS if segments.is_empty() or segments[panel[0]].count()]
    figure = Figure(figsize=(10, 1.5 + 0.4 * max(segments.height, 1)), layout="constrained")
    axes = figure.subplots(1, len(known), sharey=True, squeeze=False)[0]
    names = segments["segment_name"].to_list()
    for axis, (column, title, unit, factor, colour) in zip(axes, known, strict=True):
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


def flows_png(flows: pl.DataFrame, names: Mapping[str, str], *, since: date, day: date) -> bytes:
    """Where the customers of a day were on an earlier one: a table of segments, darker where more went.

    `flows`: from, to (keys; null for who was in none, or is no more), customers; `names` of the segments of the day, by
    key. Segments that ended since stand below them.
    """
    starts = [*names, *sorted(set(flows["from"].drop_nulls()) - set(names)), None]
    ends = [*names, None]
    counts = {(start, end): count for start, end, count in flows.select("from", "to", "customers").iter_rows()}
    table = np.array([[counts.get((start, end), 0) for end in ends] for start in starts], dtype=float)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(2.5 + 1.1 * len(ends), 1.6 + 0.4 * len(starts)), layout="constrained")
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    for (row, column), count in np.ndenumerate(table):
        if count:
            axis.text(column, row, f"{count:,.0f}", ha="center", va="center", fontsize=9)
    called = {key: names.get(key, f"{key} (ended)") for key in starts if key is not None}
    axis.set_yticks(range(len(starts)), [called[key] if key else "joined since" for key in starts])
    axis.set_xticks(range(len(ends)), [called[key] if key else "left" for key in ends], rotation=20, ha="left")
    axis.xaxis.tick_top()
    axis.tick_params(length=0, labelsize=9)
    axis.spines[:].set_visible(False)
    figure.suptitle(f"From {since:%d %b} (rows) to {day:%d %b %Y} (columns)", fontweight="bold", fontsize=11)
    return png_of(figure)


_SOUNDNESS = (
    ("silhouette", "Silhouette", None),
    ("stability", "Stability", 0.8),
    ("jaccard", "Worst segment's return", 0.85),
    ("smallest_share", "Smallest segment's share", None),
)
"""Figures of numbers of segments: name, title, and the limit below which a number is unsound."""
_FITS = (("", "k-means", BLUE), ("mixture_", "Gaussian mixture", ORANGE))


def soundness_png(metrics: Mapping[str, float], k_tried: Sequence[int], k: int) -> bytes:
    """How sound each number of segments was, a panel per figure; the chosen number is marked.

    `metrics` are those of a segmentation's card, `k_tried` the numbers that were tried with either method.
    """
    figure = Figure(figsize=(10, 2.8), layout="constrained")
    axes = figure.subplots(1, len(_SOUNDNESS), squeeze=False)[0]
    for axis, (name, title, limit) in zip(axes, _SOUNDNESS, strict=True):
        for prefix, label, colour in _FITS:
            values = [metrics.get(f"{prefix}k{number}_{name}", float("nan")) for number in k_tried]
            axis.plot(k_tried, values, color=colour, marker="o", markersize=4, label=label)
        axis.axvline(k, color=PALE, linewidth=8, alpha=0.35, zorder=0)
        if limit is not None:
            axis.axhline(limit, color=GREY, linewidth=1, linestyle=":")
        axis.set_xticks(list(k_tried))
        axis.set_ylim(0, 1)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("segments", color=GREY)
        axis.tick_params(labelsize=8)
        without_frame(axis)
    axes[0].legend(frameon=False, fontsize=8, loc="lower left")
    figure.suptitle("How many segments: the band is the number that was chosen", fontweight="bold")
    return png_of(figure)


def _bare(axis: Axes, values: Sequence[float]) -> None:
    """Bars carry their numbers, so the axis needs no ticks, only room for the labels."""
    axis.set_xlim(0, 1.25 * max(values, default=0.0) or 1.0)
    axis.set_xticks([])
    axis.tick_params(left=False)
    without_frame(axis, "bottom")
