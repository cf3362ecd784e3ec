"""The picture of a drift check: each measure as a share of its error threshold.

Drawing belongs here; the numbers come ready-made.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

from ml_assets.drift.measures import Measure
from ml_assets.plots.png import BLUE, GREY, ORANGE, RED, png_of, without_frame

COLOURS = {"ok": BLUE, "warn": ORANGE, "error": RED}
# What a character of a label takes of the axis, the space before it included.
ROOM = 0.014


def drift_png(measures: Sequence[Measure]) -> bytes:
    """One bar per measure; the lines are the thresholds."""
    figure = Figure(figsize=(8, 1.2 + 0.4 * len(measures)), layout="constrained")
    axis = figure.subplots()
    axis.barh(
        range(len(measures)),
        [_share(one) for one in measures],
        color=[COLOURS[one.status] for one in measures],
        height=0.6,
    )
    width = max([1.15, *(1.2 * _share(one) for one in measures)])
    axis.set_xlim(0, width)
    for row, one in enumerate(measures):
        warn = _warning(one)
        if warn is not None:
            axis.plot([warn, warn], [row - 0.35, row + 0.35], color=GREY, linewidth=1, linestyle=":")
        text = f"{one.value:.2f}"
        at = label_start(_share(one), [1.0] if warn is None else [warn, 1.0], room=ROOM * width * len(text))
        axis.annotate(text, (at, row), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8)
    axis.axvline(1.0, color=GREY, linewidth=1)
    axis.set_yticks(
        range(len(measures)),
        [one.metric.replace("psi:", "PSI ").replace(":", " ").replace("_", " ") for one in measures],
    )
    axis.invert_yaxis()
    axis.set_xticks([0, 1], ["nothing", "error"], color=GREY, fontsize=8)
    without_frame(axis)
    axis.set_title("Drift against the weeks before (dotted: warning)", fontsize=10)
    return png_of(figure)


def label_start(end: float, lines: Sequence[float], *, room: float) -> float:
    """Where the number of a bar that ends at `end` begins: behind a line that would go through it."""
    for line in sorted(lines):
        if end <= line <= end + room:
            end = line
    return end


def _warning(one: Measure) -> float | None:
    """Where the warning threshold lies on the way to the error threshold; None without thresholds."""
    if one.error_at <= 0 or one.warn_at <= 0:
        return None
    return one.error_at / one.warn_at if one.below_is_bad else one.warn_at / one.error_at


def _share(one: Measure) -> float:
    """How much of the way to the error threshold is gone; hit rates fall towards theirs."""
    if one.below_is_bad:
        return one.error_at / one.value if one.value > 0 and one.error_at > 0 else 0.0
    return one.value / one.error_at
