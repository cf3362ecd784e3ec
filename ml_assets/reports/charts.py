"""Drawings for pages, as SVG: lines over days, bars around a middle, flows from one state to another.

Colours are the page's own variables, so that a drawing follows light and dark. Every drawing has a title for those who
hear it; its numbers are in a table beside it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby, pairwise
from math import ceil, floor, log2, log10

from markupsafe import Markup, escape

COLOURS = 8
"""Colours of a page, `--c0` and so on; further series begin again."""
WIDTH = 720
GREY = "var(--c7)"
LONGEST_LABEL = 20
"""Characters of a name for which there is room beside its line."""


def colour(place: int) -> str:
    """The colour of the n-th series."""
    return f"var(--c{place % COLOURS})"


def lines(
    days: Sequence[date],
    series: Mapping[str, Sequence[float | None]],
    *,
    title: str,
    unit: str,
    colours: Mapping[str, str] | None = None,
) -> Markup:
    """A line per series over days; `unit` stands behind the numbers of the axis."""
    height, left, right, top, bottom = 220, 64, 190, 14, 26
    numbers = [value for values in series.values() for value in values if value is not None]
    highest, step = _scale(max(numbers, default=0.0))
    span = max((days[-1] - days[0]).days, 1) if days else 1

    def x(day: date) -> float:
        return left + (WIDTH - left - right) * (day - days[0]).days / span

    def y(value: float) -> float:
        return top + (height - top - bottom) * (1 - value / highest)

    ticks = [step * number for number in range(round(highest / step) + 1)]
    parts = [_grid(y(tick), left, WIDTH - right, f"{tick:,.10g}{unit}") for tick in ticks]
    ends = []
    own = colours or {name: colour(place) for place, name in enumerate(series)}
    for name, values in series.items():
        fill = own.get(name, GREY)
        known = [(day, value) for day, value in zip(days, values, strict=True) if value is not None]
        if not known:
            continue
        last, value = known[-1]
        for has_value, run in groupby(zip(days, values, strict=True), key=lambda one: one[1] is not None):
            path = " ".join(f"{x(day):.1f},{y(number or 0.0):.1f}" for day, number in run)
            if has_value:
                line = Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="2"/>')
                parts.append(line.format(path, fill))
        parts.append(Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5" fill="{}"/>').format(x(last), y(value), fill))
        label = name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}\N{HORIZONTAL ELLIPSIS}"
        ends.append((y(value), fill, label if last == days[-1] else f"{label} to {last:%d %b}"))
    parts += [_label(WIDTH - right + 6, at, name, fill) for at, fill, name in _apart(sorted(ends), 13)]
    parts += [
        Markup('<text x="{:.1f}" y="{}" class="axis" text-anchor="{}">{:%d %b %Y}</text>').format(
            x(day), height - 6, anchor, day
        )
        for day, anchor in (((days[0], "start"), (days[-1], "end")) if len(days) > 1 else ())
    ]
    return _svg(height, title, parts)


def bars(values: Mapping[str, float | None], *, title: str, middle: float = 1.0) -> Markup:
    """A bar per name, to the left of the middle line where smaller, to the right where larger; on a scale of ratios."""
    row, left, right = 20, 200, 12
    height = row * len(values) + 12
    centre = left + (WIDTH - left - right) / 2
    # On both sides there is room for the number beside the longest bar.
    reach = (WIDTH - left - right) / 2 - 48
    parts = [Markup('<line x1="{0:.1f}" x2="{0:.1f}" y1="0" y2="{1}" class="middle"/>').format(centre, height)]
    for place, (name, value) in enumerate(values.items()):
        top = 6 + row * place
        parts.append(
            Markup('<text x="{}" y="{}" class="name" text-anchor="end">{}</text>').format(left - 8, top + 12, name)
        )
        if value is None:
            continue
        length = reach * _log_ratio(value, middle)
        start = min(centre, centre + length)
        parts.append(
            Markup('<rect x="{:.1f}" y="{}" width="{:.1f}" height="14" fill="{}"/>').format(
                start, top, max(abs(length), 1.5), colour(0 if length >= 0 else 1)
            )
        )
        side, anchor = (centre + length + 4, "start") if length >= 0 else (centre + length - 4, "end")
        parts.append(
            Markup(
                '<text x="{:.1f}" y="{}" class="axis" text-anchor="{}">{:.2g} \N{MULTIPLICATION SIGN}</text>'
            ).format(side, top + 11, anchor, value)
        )
    return _svg(height, title, parts)


def flows(
    before: Mapping[str, float],
    after: Mapping[str, float],
    moved: Mapping[tuple[str, str], float],
    colours: Mapping[str, str],
    title: str,
) -> Markup:
    """From where to where: names with sizes on both sides, and bands as wide as what moves between them (Sankey)."""
    height, left, right, gap = 320, 150, 150, 10
    names = list(dict.fromkeys([*before, *after]))
    scale = min((height - gap * len(side)) / max(sum(side.values()), 1) for side in (before, after))
    tops = [_stacked(side, scale, gap) for side in (before, after)]
    used = [dict(side) for side in tops]
    parts = []
    bands = sorted(moved.items(), key=lambda one: (names.index(one[0][0]), names.index(one[0][1])))
    for (start, end), size in bands:
        thick = size * scale
        y1, y2 = used[0][start] + thick / 2, used[1][end] + thick / 2
        used[0][start] += thick
        used[1][end] += thick
        middle = WIDTH / 2
        parts.append(
            Markup(
                '<path d="M{0},{1:.1f} C{2},{1:.1f} {2},{3:.1f} {4},{3:.1f}" fill="none" stroke="{5}" '
                'stroke-width="{6:.2f}" opacity="{7}"><title>{8} → {9}: {10:,.0f}</title></path>'
            ).format(
                left + 12, y1, middle, y2, WIDTH - right - 12, colours.get(start, GREY), max(thick, 0.75),
                0.25 if start == end else 0.75, start, end, size,
            )
        )  # fmt: skip
    for side, sizes, at, anchor, text in (
        (0, before, left, "end", left - 6),
        (1, after, WIDTH - right - 12, "start", WIDTH - right + 6),
    ):
        for name, size in sizes.items():
            parts.append(
                Markup('<rect x="{}" y="{:.1f}" width="12" height="{:.1f}" fill="{}"/>').format(
                    at, tops[side][name], max(size * scale, 1), colours.get(name, GREY)
                )
            )
            label = f"{name} {size:,.0f}"
            parts.append(
                Markup('<text x="{}" y="{:.1f}" class="name" text-anchor="{}">{}</text>').format(
                    text, tops[side][name] + max(size * scale, 1) / 2 + 4, anchor, label
                )
            )
    return _svg(height, title, parts)


def _stacked(sizes: Mapping[str, float], scale: float, gap: float) -> dict[str, float]:
    tops, at = {}, gap / 2
    for name, size in sizes.items():
        tops[name] = at
        at += size * scale + gap
    return tops


def _log_ratio(value: float, middle: float) -> float:
    """-1 to 1 for an eighth to eight times the middle."""
    if value <= 0:
        return -1.0
    return max(-1.0, min(1.0, log2(value / middle) / 3))


def _scale(highest: float) -> tuple[float, float]:
    """The top of an axis from 0 and the step of its lines: 1, 2 or 5 of a power of ten, at most five of them."""
    if highest <= 0:
        return 1.0, 0.5
    power = 10.0 ** floor(log10(highest / 5))
    step = next(power * one for one in (1, 2, 5, 10) if power * one * 5 >= highest)
    return step * ceil(highest / step), step


def _apart(ends: Sequence[tuple[float, str, str]], least: float) -> list[tuple[float, str, str]]:
    """Labels moved down until none covers another."""
    placed = list(ends)
    for one, other in pairwise(range(len(placed))):
        if placed[other][0] - placed[one][0] < least:
            placed[other] = (placed[one][0] + least, *placed[other][1:])
    return placed


def _label(x: float, y: float, text: str, fill: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" class="name" style="fill:{}">{}</text>').format(x, y + 4, fill, text)


def _grid(y: float, left: float, right: float, text: str) -> Markup:
    return Markup(
        '<line x1="{0}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}" class="grid"/>'
        '<text x="{3}" y="{4:.1f}" class="axis" text-anchor="end">{5}</text>'
    ).format(left, right, y, left - 6, y + 4, text)


def _svg(height: float, title: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {:.0f}" role="img" aria-label="{}"><title>{}</title>{}</svg>').format(
        WIDTH, height, title, title, Markup("").join(escape(part) for part in parts)
    )
