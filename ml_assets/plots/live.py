"""The picture of live quality: the hit rate of the lists that were live, beside what the backtest promised."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from matplotlib.figure import Figure

from ml_assets.plots.png import BLUE, GREY, RED, png_of, without_frame


class Judged(Protocol):
    """The lists of a placement on a day."""

    @property
    def day(self) -> date: ...  # noqa: D102 as in ml.live_quality
    @property
    def placement(self) -> str: ...  # noqa: D102
    @property
    def hit_rate(self) -> float | None: ...  # noqa: D102
    @property
    def hit_rate_low(self) -> float | None: ...  # noqa: D102
    @property
    def hit_rate_high(self) -> float | None: ...  # noqa: D102
    @property
    def promised_hit_rate(self) -> float | None: ...  # noqa: D102
    @property
    def least_hit_rate(self) -> float | None: ...  # noqa: D102


def live_png(days: Sequence[Judged]) -> bytes:
    """A panel per placement; the band is the 95 % interval, the dashed line the promise, the dotted its lower bound."""
    names = list(dict.fromkeys(one.placement for one in days))
    figure = Figure(figsize=(8, 0.6 + 1.9 * len(names)), layout="constrained")
    panels = figure.subplots(len(names), 1, squeeze=False, sharex=True)[:, 0]
    for axis, name in zip(panels, names, strict=True):
        shown = [one for one in days if one.placement == name and one.hit_rate is not None]
        when = [one.day for one in shown]
        axis.fill_between(
            when, [one.hit_rate_low or 0.0 for one in shown], [one.hit_rate_high or 0.0 for one in shown],
            color=BLUE, alpha=0.2, linewidth=0,
        )  # fmt: skip
        axis.plot(when, [one.hit_rate or 0.0 for one in shown], color=BLUE, marker="o", markersize=2.5)
        promised = [one for one in shown if one.promised_hit_rate is not None]
        of = [one.day for one in promised]
        axis.plot(of, [one.promised_hit_rate or 0.0 for one in promised], color=GREY, linestyle="--", linewidth=1)
        axis.plot(of, [one.least_hit_rate or 0.0 for one in promised], color=RED, linestyle=":", linewidth=1)
        axis.set_title(name, fontsize=9, loc="left")
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axis.tick_params(labelsize=8)
        if when:
            ticks = [when[0], when[-1]] if len(when) > 1 else when
            axis.set_xticks(ticks, [f"{day:%d %b %Y}" for day in ticks])
        without_frame(axis)
    figure.suptitle("Hit rate of live lists; dashed: promised by the backtest, dotted: expected at least", fontsize=10)
    return png_of(figure)
