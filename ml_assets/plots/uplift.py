"""The Qini curve of an experiment, as PNG bytes. Drawing belongs here; the numbers come ready-made."""

from collections.abc import Sequence
from typing import Protocol

from matplotlib.figure import Figure

from ml_assets.plots.png import BLUE, GREY, PALE, png_of, without_frame


class Bounded(Protocol):
    """An estimate and its bounds."""

    @property
    def estimate(self) -> float:
        """The middle."""

    @property
    def low(self) -> float:
        """The lower bound."""

    @property
    def high(self) -> float:
        """The upper bound."""


def qini_png(
    arm: str, control: str, curve: Sequence[tuple[float, Bounded]], average: Bounded, worth: str = "revenue"
) -> bytes:
    """What giving an arm to a share of the customers brings, those first who gain most, beside choosing by chance.

    `worth` is what is gained: revenue, or pieces where the shop has no amounts.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    shares = [0.0, *(100 * share for share, _ in curve)]
    axis.fill_between(
        shares,
        [0, *(each.low for _, each in curve)],
        [0, *(each.high for _, each in curve)],
        color=BLUE,
        alpha=0.15,
        lw=0,
    )
    axis.plot(shares, [0, *(each.estimate for _, each in curve)], color=BLUE, marker="o", ms=4, label="by prediction")
    axis.plot([0, 100], [0, average.estimate], color=PALE, ls="--", label="by chance")
    axis.axhline(0, color=GREY, lw=0.8)
    axis.set_xlabel(f"% of the customers who get {arm}, those who are predicted to gain most first", color=GREY)
    axis.set_ylabel(f"{worth} gained, per customer of all", color=GREY)
    axis.legend(frameon=False, loc="upper left")
    axis.set_title(f"Whom {arm} makes buy more than {control}, with the 95 % interval", fontweight="bold", fontsize=11)
    without_frame(axis)
    return png_of(figure)
