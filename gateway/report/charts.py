"""The charts of a report, each from plain numbers. Pure; what a chart shows stands in a table beside it as well."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.report.svg import (
    BOTTOM,
    LEFT,
    RIGHT,
    SHADES,
    TOP,
    WIDTH,
    across,
    drawing,
    hint,
    linear,
    marks,
    moments,
    percent,
    plain,
    rules,
    steps,
    tag,
    upward,
    words,
)  # fmt: skip


class Point(NamedTuple):
    """A rate at a time (seconds since 1970), with its interval."""

    at: float
    value: float
    low: float
    high: float


class Row(NamedTuple):
    """A rate of something named."""

    name: str
    value: float
    low: float
    high: float


def rate_over_time(title: str, points: Sequence[Point], limit: float | None = None, named: str = "") -> str:
    """A rate with its interval as a band, and a horizontal line at a limit if there is one."""
    first, last = points[0].at, points[-1].at
    bottom = min(0.98, *(point.low for point in points), *([limit] if limit else []))
    low = max(0.0, math.floor(bottom * 20) / 20)
    alone = first == last
    x, y = across(first - alone, last + alone), upward(low, 1.0)
    band = [(x(one.at), y(one.high)) for one in points] + [(x(one.at), y(one.low)) for one in reversed(points)]
    line = [(x(one.at), y(one.value)) for one in points]
    parts = [rules(y, steps(low, 1.0), percent), moments(x, first, last)]
    parts.append(tag("polygon", points=_path(band), klass="band"))
    parts.append(tag("polyline", points=_path(line), klass="line"))
    if alone:
        parts.append(tag("line", x1=x(first), x2=x(first), y1=y(points[0].low), y2=y(points[0].high), klass="whisker"))
    if len(points) <= 60:
        parts += [tag("circle", cx=left, cy=top, r=2.5, klass="dot") for left, top in line]
    if limit:
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(limit), y2=y(limit), klass="limit"))
        parts.append(words(named, WIDTH - RIGHT, y(limit) - 5, "note", "end"))
    return drawing(title, f"{len(points)} intervals of time; the last is {percent(points[-1].value)}.", parts)


def rates(title: str, rows: Sequence[Row]) -> str:
    """A dot and an interval for each row, on one scale, in the order given."""
    height, left = 24 * len(rows) + TOP + BOTTOM, 210
    low = max(0.0, math.floor(min(0.98, *(row.low for row in rows)) * 20) / 20)
    x = linear(low, 1.0, left, WIDTH - RIGHT - 70)
    values = steps(low, 1.0, 4)
    parts = [
        tag("line", x1=x(value), x2=x(value), y1=TOP - 6, y2=height - BOTTOM, klass="grid") for value in values
    ] + [words(percent(value), x(value), height - 8) for value in values]
    for at, row in enumerate(rows):
        y = TOP + 24 * at + 10
        parts.append(words(_cut(row.name, 32), left - 12, y + 4, "label", "end"))
        parts.append(tag("line", x1=x(row.low), x2=x(row.high), y1=y, y2=y, klass="whisker"))
        parts.append(tag("circle", cx=x(row.value), cy=y, r=4, klass="dot"))
        parts.append(words(percent(round(row.value, 4)), WIDTH - RIGHT, y + 4, "label", "end"))
    worst = min(rows, key=lambda row: row.value)
    return drawing(title, f"The lowest is {worst.name} with {percent(worst.value)}.", parts, height)


def stacked(title: str, times: Sequence[float], series: Mapping[str, Sequence[float]]) -> str:
    """Counts over time, one colour a series, on top of each other; at most SHADES series."""
    totals = [sum(values) for values in zip(*series.values(), strict=True)]
    width = (WIDTH - LEFT - RIGHT) / len(times)
    y = upward(0.0, max(totals) or 1.0)
    parts = [rules(y, steps(0.0, max(totals) or 1.0, 4), plain)]
    below = [0.0] * len(times)
    for shade, (name, values) in enumerate(series.items()):
        for at, value in enumerate(values):
            if value:
                top = y(below[at] + value)
                box = hint(f"{name}: {plain(value)}")
                thick = min(max(width * 0.8, 0.6), 48.0)
                parts.append(tag("rect", box, x=LEFT + (at + 0.5) * width - thick / 2, y=top, width=thick,
                                 height=y(below[at]) - top, klass=f"s{shade % SHADES}"))  # fmt: skip
            below[at] += value
    parts.append(moments(linear(times[0], times[-1], LEFT + width / 2, WIDTH - RIGHT - width / 2), times[0], times[-1]))
    return drawing(title, f"{plain(sum(totals))} in all; {', '.join(series)}.", parts)


def distributions(title: str, edges: Sequence[float], series: Mapping[str, Sequence[float]]) -> str:
    """Shares of the same bins, one outline a series; `edges` has one more entry than each series."""
    most = max(max(values) for values in series.values()) or 1.0
    x, y = across(edges[0], edges[-1]), upward(0.0, most)
    parts = [rules(y, steps(0.0, most, 4), percent), marks(x, steps(edges[0], edges[-1], 8), plain)]
    for shade, (name, values) in enumerate(series.items()):
        outline = [(x(edges[0]), y(0.0))]
        for at, value in enumerate(values):
            outline += [(x(edges[at]), y(value)), (x(edges[at + 1]), y(value))]
        outline.append((x(edges[-1]), y(0.0)))
        parts.append(tag("polygon", hint(name), points=_path(outline), klass=f"area a{shade % SHADES}"))
    return drawing(title, f"Shares of values: {', '.join(series)}.", parts)


def columns(title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> str:
    """Shares side by side, one colour a series."""
    most = max(max(values) for values in series.values()) or 1.0
    height, width = 190, (WIDTH - LEFT - RIGHT) / len(labels)
    y = upward(0.0, most, height)
    parts = [rules(y, steps(0.0, most, 3), percent)]
    for shade, (name, values) in enumerate(series.items()):
        for at, value in enumerate(values):
            left = LEFT + at * width + width * (0.12 + 0.38 * shade)
            told = hint(f"{labels[at]}, {name}: {percent(round(value, 4))}")
            parts.append(tag("rect", told, x=left, y=y(value), width=width * 0.36, height=y(0.0) - y(value),
                             klass=f"s{shade % SHADES}"))  # fmt: skip
    room = max(3, int(width / 6.5))
    parts += [words(_cut(label, room), LEFT + (at + 0.5) * width, height - 8) for at, label in enumerate(labels)]
    return drawing(title, f"Shares by {len(labels)} groups: {', '.join(series)}.", parts, height)


def differences(
    title: str, points: Sequence[tuple[float, float]], mean: float, low: float, high: float
) -> str:  # fmt: skip
    """Bland and Altman's plot: the mean of two numbers of a case across, their difference upward, and the limits."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    bottom, top = min(*ys, low), max(*ys, high)
    margin = (top - bottom) * 0.06 or 1.0
    height = 300
    x, y = across(min(xs), max(xs)), upward(bottom - margin, top + margin, height)
    parts = [rules(y, steps(bottom, top), plain), marks(x, steps(min(xs), max(xs), 8), plain, height)]
    parts += [tag("circle", cx=x(one), cy=y(other), r=2.2, klass="point") for one, other in points]
    for value, name in ((mean, "mean"), (low, "lower limit"), (high, "upper limit")):
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(value), y2=y(value), klass="limit"))
        parts.append(words(f"{name} {plain(value)}", WIDTH - RIGHT, y(value) - 5, "note", "end"))
    return drawing(title, f"{len(points)} cases; mean {plain(mean)}, {plain(low)} to {plain(high)}.", parts, height)


def bars(title: str, rows: Sequence[tuple[str, float]], limits: Sequence[tuple[float, str]]) -> str:
    """A horizontal bar for each row, and vertical lines at the limits."""
    height, left = 22 * len(rows) + TOP + BOTTOM, 210
    most = max(*(value for _, value in rows), *(limit for limit, _ in limits)) * 1.08
    x = linear(0.0, most, left, WIDTH - RIGHT - 50)
    parts = []
    for at, (name, value) in enumerate(rows):
        y = TOP + 22 * at
        parts.append(words(_cut(name, 32), left - 12, y + 14, "label", "end"))
        parts.append(tag("rect", x=left, y=y + 3, width=max(x(value) - left, 1.0), height=14, klass="s0"))
        parts.append(words(plain(round(value, 4)), x(value) + 6, y + 14, "label", "start"))
    for limit, name in limits:
        parts.append(tag("line", x1=x(limit), x2=x(limit), y1=TOP - 4, y2=height - BOTTOM, klass="limit"))
        parts.append(words(name, x(limit), height - 8, "note"))
    return drawing(title, f"The highest is {rows[0][0]} with {plain(rows[0][1])}.", parts, height)


def spans(title: str, rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Three quantiles of each row, above 0, on one logarithmic scale: a dot, a stroke, and the end of a bar."""
    height, left = 30 * len(rows) + TOP + BOTTOM, 130
    low, high = min(row[1] for row in rows), max(row[3] for row in rows)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    place = linear(decades[0], decades[-1] if len(decades) > 1 else decades[0] + 1, left, WIDTH - RIGHT - 30)
    parts = []
    for decade in decades:
        at = place(decade)
        parts.append(tag("line", x1=at, x2=at, y1=TOP - 4, y2=height - BOTTOM, klass="grid"))
        parts.append(words(f"{plain(10.0**decade)} ms", at, height - 8))
    for at, (name, first, middle, last) in enumerate(rows):
        y, (start, mark, end) = TOP + 30 * at + 12, [place(math.log10(value)) for value in (first, middle, last)]
        parts.append(words(name, left - 14, y + 4, "label", "end"))
        parts.append(tag("line", x1=start, x2=end, y1=y, y2=y, klass=f"span w{at % SHADES}"))
        parts.append(tag("line", x1=mark, x2=mark, y1=y - 7, y2=y + 7, klass="nine"))
        parts.append(tag("circle", cx=start, cy=y, r=5, klass="dot"))
    return drawing(title, "; ".join(f"{row[0]} {plain(row[1])} to {plain(row[3])} ms" for row in rows), parts, height)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
