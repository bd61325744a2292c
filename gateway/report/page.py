"""A report as one HTML page: no script, no network, dark and light, made to be printed. Shows figures and adds none."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from gateway.report import charts
from gateway.report.charts import Point, Row
from gateway.report.svg import plain

NONE = "\N{EN DASH}"
"""Stands where there is no figure."""
SERIES = 5
"""Sources that a chart shows; the rest are one series together."""
SHOWN = 4
"""Inputs whose spread is drawn: those that have moved most."""
LEDGER = {
    "seen": "seen", "compared": "compared", "compared_late": "compared, the answer came late",
    "not_observable": "not observable", "sampled_out": "sampled out", "dropped": "dropped", "timed_out": "timed out",
    "failed": "failed", "undecodable": "undecodable", "pending": "waiting", "orphan": "without its other half",
    "lost": "lost",
}  # fmt: skip


def page(told: Mapping[str, Any]) -> str:
    """The page of the figures that `figures` gave."""
    style = Markup(_text("style.css"))  # noqa: S704  # our own file
    return _template().render(told=told, style=style, drawn=_drawn(told), ledger_words=LEDGER)


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    filters: Mapping[str, Callable[..., str]] = {
        "percent": percent, "number": number, "ms": milliseconds, "moment": moment, "width": width,
    }  # fmt: skip
    environment.filters.update(filters)
    return environment.from_string(_text("page.html"))


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def percent(value: float | None, places: int = 2) -> str:
    """`97.42 %`; a dash where it is not known."""
    return NONE if value is None else f"{value * 100:.{places}f} %"


def number(value: Any) -> str:
    """A count with its thousands, a measure in four digits, a dash for nothing."""
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else plain(value) if isinstance(value, float) else str(value)


def milliseconds(value: float | None) -> str:
    """A latency in three digits."""
    if value is None:
        return NONE
    return f"{value:.3g} ms" if value < 1000 else f"{value / 1000:.3g} s"


def moment(value: datetime | None) -> str:
    """A minute in UTC."""
    return NONE if value is None else f"{value:%Y-%m-%d %H:%M}"


def width(seconds: int) -> str:
    """`15 minutes`, `6 hours`, `1 day`."""
    unit, size = next(
        (name, size) for name, size in (("day", 86400), ("hour", 3600), ("minute", 60)) if seconds >= size
    )
    count = seconds // size
    return f"{count} {unit}{'s' if count > 1 else ''}"


def _drawn(told: Mapping[str, Any]) -> dict[str, Any]:
    """Every chart that there are figures for, by name."""
    makers: Mapping[str, Callable[[Mapping[str, Any]], str | dict[str, str] | None]] = {
        "agreement": _agreement, "traffic": _traffic, "cost": _cost, "fields": _fields, "segments": _segments,
        "differences": _differences, "spreads": _spreads, "drift": _drift, "moved": _moved, "times": _times,
    }  # fmt: skip
    return {name: _marked(made) for name, maker in makers.items() if (made := maker(told))}


def _marked(made: str | dict[str, str]) -> Any:
    """SVG of our own making, whose texts are escaped, goes into the page as it is."""
    if isinstance(made, str):
        return Markup(made)  # noqa: S704  # see above
    return {name: Markup(one) for name, one in made.items()}  # noqa: S704  # see above


def _agreement(told: Mapping[str, Any]) -> str | None:
    points = [
        Point(one["at"].timestamp(), rate["rate"], rate["low"], rate["high"])
        for one in told["over_time"]["buckets"]
        if (rate := one["agreement"])["compared"]
    ]
    limit = told["noise"]["ceiling"]
    return (
        charts.rate_over_time("Agreement over time", points, limit, "ceiling by legacy's own noise") if points else None
    )


def _traffic(told: Mapping[str, Any]) -> str | None:
    buckets = told["over_time"]["buckets"]
    if not buckets:
        return None
    totals: dict[str, int] = {}
    for one in buckets:
        for source, calls in one["calls"].items():
            totals[source] = totals.get(source, 0) + calls
    largest = sorted(totals, key=lambda source: -totals[source])
    shown, rest = largest[:SERIES], largest[SERIES:]
    series = {source: [float(one["calls"].get(source, 0)) for one in buckets] for source in shown}
    if rest:
        series["others"] = [float(sum(one["calls"].get(source, 0) for source in rest)) for one in buckets]
    return charts.stacked("Calls over time, by source", [one["at"].timestamp() for one in buckets], series)


def _cost(told: Mapping[str, Any]) -> str | None:
    buckets = told["over_time"]["buckets"]
    if not told["cost"] or not any(one["cost"] for one in buckets):
        return None
    currency = told["cost"]["currency"]
    times, costs = [one["at"].timestamp() for one in buckets], [float(one["cost"]) for one in buckets]
    return charts.stacked(f"Cost of disagreements over time, in {currency}", times, {currency: costs})


def _fields(told: Mapping[str, Any]) -> str | None:
    return _rates("Agreement by field", told["fields"])


def _segments(told: Mapping[str, Any]) -> str | None:
    return _rates("Agreement by segment", told["segments"])


def _rates(title: str, rates: Mapping[str, Any]) -> str | None:
    rows = [Row(name, one["rate"], one["low"], one["high"]) for name, one in rates.items() if one["compared"]]
    return charts.rates(title, rows) if rows else None


def _differences(told: Mapping[str, Any]) -> dict[str, str]:
    drawn = {}
    for name, one in told["scores"].items():
        points = [((theirs + ours) / 2, ours - theirs) for theirs, ours in told["points"].get(name, ())]
        if points:
            apart = one["difference"]
            title = f"{name}: candidate minus incumbent, against the mean of both"
            drawn[name] = charts.differences(title, points, apart["mean"], apart["low"], apart["high"])
    return drawn


def _spreads(told: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: charts.distributions(
            f"{name}: how the answers of both sides are spread", one["bins"]["edges"],
            {"incumbent": one["bins"]["incumbent"], "candidate": one["bins"]["candidate"]},
        )
        for name, one in told["scores"].items()
    }  # fmt: skip


def _drift(told: Mapping[str, Any]) -> str | None:
    rows = [(one["name"], one["psi"]) for one in _found(told)]
    return charts.bars("Stability index against training", rows, [(0.1, "0.10"), (0.25, "0.25")]) if rows else None


def _moved(told: Mapping[str, Any]) -> dict[str, str]:
    return {
        one["name"]: charts.columns(
            f"{one['name']}: training and traffic", [_short(label) for label in one["bins"]],
            {"training": one["training"], "traffic": one["traffic"]},
        )
        for one in list(_found(told))[:SHOWN]
    }  # fmt: skip


def _short(label: str) -> str:
    """`210 to 400` as `to 400`: the bar before says where it begins."""
    return label if label.startswith("to ") else label[label.find(" to ") + 1 :] if " to " in label else label


def _found(told: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Iterable[Mapping[str, Any]] = [*told["drift"]["scores"], *told["drift"]["inputs"]]
    return sorted(found, key=lambda one: -one["psi"])


def _times(told: Mapping[str, Any]) -> str | None:
    rows = [(who, one["p50"], one["p90"], one["p99"]) for who, one in told["times"].items() if one["calls"]]
    return charts.spans("Latency: median, nine tenths, 99 of 100", rows) if rows else None
