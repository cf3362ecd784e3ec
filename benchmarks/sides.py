"""Measuring several ways of doing the same, one after the other and over again, so that all meet the same machine.

Wall times mean little on a machine that others share; ratios of neighbours in time do. What is measured does not
belong here.
"""

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter


def interleaved(sides: Mapping[str, Callable[[], object]], repetitions: int) -> dict[str, list[float]]:
    """Wall seconds of each side, `repetitions` times in turn, after one run that is not counted."""
    for side in sides.values():
        side()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repetitions):
        for name, side in sides.items():
            start = perf_counter()
            side()
            seconds[name].append(perf_counter() - start)
    return seconds


def ratios(side: list[float], floor: list[float]) -> tuple[float, float]:
    """Least seconds by least seconds, and the median of the ratios of neighbours."""
    return min(side) / min(floor), median(mine / bare for mine, bare in zip(side, floor, strict=True))
