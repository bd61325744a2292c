"""Scales, axes and frames of charts, as SVG text. Pure; colours are the page's own, so that it works dark and light."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import count
from typing import Any, NamedTuple

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 14, 28
"""Margins in which the axes stand."""
SHADES = 6
"""Colours for series in style.css; one chart never has more."""

Place = Callable[[float], float]
_ids = count(1)


class Frame(NamedTuple):
    """The inner area of a chart: where a value stands on either axis."""

    x: Place
    y: Place


def tag(name: str, *inside: str, **attributes: Any) -> str:
    """One element. Attribute values are escaped, numbers rounded; `klass` is class, and `_` in a name a hyphen. What is
    inside is SVG already: texts come from `words` and `hint`."""
    spelled = (
        f' {"class" if key == "klass" else key.replace("_", "-")}="{escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{''.join(spelled)}>{''.join(inside)}</{name}>" if inside else f"<{name}{''.join(spelled)}/>"


def words(text: str, x: float, y: float, klass: str = "tick", anchor: str = "middle") -> str:
    """A text at a place."""
    return tag("text", escape(text), x=x, y=y, klass=klass, text_anchor=anchor)


def hint(text: str) -> str:
    """What an element says when it is pointed at."""
    return tag("title", escape(text))


def drawing(title: str, described: str, parts: Sequence[str], height: float = HEIGHT) -> str:
    """A whole chart. Those who cannot see it are told `title` and `described`."""
    number = next(_ids)
    names = tag("title", escape(title), id=f"t{number}") + tag("desc", escape(described), id=f"d{number}")
    return tag(
        "svg", names, *parts, viewBox=f"0 0 {WIDTH} {_short(height)}", role="img",
        aria_labelledby=f"t{number} d{number}", klass="chart",
    )  # fmt: skip


def linear(low: float, high: float, start: float, end: float) -> Place:
    """Values from low to high, spread evenly from start to end."""
    spread = (high - low) or 1.0
    return lambda value: start + (value - low) / spread * (end - start)


def across(low: float, high: float) -> Place:
    """A horizontal scale of a whole chart."""
    return linear(low, high, LEFT, WIDTH - RIGHT)


def upward(low: float, high: float, height: float = HEIGHT) -> Place:
    """A vertical scale of a whole chart."""
    return linear(low, high, height - BOTTOM, TOP)


def steps(low: float, high: float, wanted: int = 5) -> Sequence[float]:
    """Round numbers between low and high, about as many as wanted."""
    if not high > low:
        return [low]
    rough = (high - low) / wanted
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [at * step for at in range(first, last + 1)]


def rules(place: Place, values: Sequence[float], shown: Callable[[float], str]) -> str:
    """Horizontal lines at these values, with their numbers on the left."""
    return "".join(
        tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=place(value), y2=place(value), klass="grid")
        + words(shown(value), LEFT - 8, place(value) + 4, anchor="end")
        for value in values
    )


def marks(
    place: Place, values: Sequence[float], shown: Callable[[float], str], height: float = HEIGHT, lines: bool = False
) -> str:
    """Numbers along the bottom, with vertical lines above them if wanted."""
    line = "".join(
        tag("line", x1=place(value), x2=place(value), y1=TOP, y2=height - BOTTOM, klass="grid") for value in values
    )
    return (line if lines else "") + "".join(words(shown(value), place(value), height - 8) for value in values)


def moments(place: Place, first: float, last: float, height: float = HEIGHT) -> str:
    """Times in UTC along the bottom; first and last are in seconds since 1970."""
    wanted = [first + (last - first) * part / 5 for part in range(6)] if last > first else [first]
    pattern = "%H:%M" if last - first < 86400 else "%d %b %H:%M" if last - first < 5 * 86400 else "%d %b"
    made = []
    for at, value in enumerate(wanted):
        anchor = "start" if at == 0 and len(wanted) > 1 else "end" if at == len(wanted) - 1 > 0 else "middle"
        made.append(
            words(datetime.fromtimestamp(value, UTC).strftime(pattern), place(value), height - 8, anchor=anchor)
        )
    return "".join(made)


def percent(value: float) -> str:
    """`97.5 %`, with as few decimals as it has."""
    return f"{value * 100:.4g} %"


def plain(value: float) -> str:
    """A number in up to four digits."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _short(value: Any) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
