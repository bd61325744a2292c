"""Charts are whole whatever the figures: one point, no spread, long or strange names."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from gateway.report import charts
from gateway.report.charts import Point, Row
from gateway.report.svg import drawing, linear, percent, plain, steps, tag

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
ONE = [Point(NOON, 0.97, 0.9, 0.99)]
STRANGE = '<b>&"name"</b> that is much longer than any label may be'

DRAWN: dict[str, Callable[[], str]] = {
    "one point": lambda: charts.rate_over_time("t", ONE),
    "all agree": lambda: charts.rate_over_time(
        "t", [Point(NOON + at, 1.0, 1.0, 1.0) for at in range(90)], 1.0, "limit"
    ),
    "nothing agrees": lambda: charts.rates("t", [Row(STRANGE, 0.0, 0.0, 0.0)]),
    "one bucket": lambda: charts.stacked("t", [NOON], {STRANGE: [3.0]}),
    "empty buckets": lambda: charts.stacked("t", [NOON, NOON + 60], {"a": [0.0, 0.0]}),
    "days": lambda: charts.stacked("t", [NOON + 86400 * at for at in range(9)], {"a": [1.0] * 9, "b": [2.0] * 9}),
    "one value": lambda: charts.distributions("t", [5.0, 6.0], {"a": [1.0], "b": [1.0]}),
    "columns": lambda: charts.columns("t", [STRANGE, "b"], {"a": [0.0, 1.0], "b": [0.5, 0.5]}),
    "no difference": lambda: charts.differences("t", [(5.0, 0.0)], 0.0, 0.0, 0.0),
    "negative": lambda: charts.differences("t", [(-5.0, -1.0), (-9.0, 3.0)], 1.0, -4.0, 6.0),
    "no shift": lambda: charts.bars("t", [(STRANGE, 0.0)], [(0.1, "0.10")]),
    "fast": lambda: charts.spans("t", [("a", 0.001, 0.001, 0.001)]),
    "slow": lambda: charts.spans("t", [("a", 0.02, 3.0, 99_000.0), ("b", 1.0, 2.0, 3.0)]),
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_chart_is_well_formed_has_finite_places_and_escapes_names(name: str) -> None:
    text = DRAWN[name]()
    drawn = ElementTree.fromstring(text)  # noqa: S314  # our own text
    assert drawn.attrib["role"] == "img"
    assert [child.tag for child in drawn[:2]] == ["title", "desc"] and all(child.text for child in drawn[:2])
    for value in re.findall(r' (?:x|y|x1|x2|y1|y2|cx|cy|width|height|points)="([^"]*)"', text):
        assert all(re.fullmatch(r"-?[0-9.]+", number) for number in re.split("[ ,]", value)), value
    assert "nan" not in text and "inf" not in text and "<b>" not in text


def test_a_reader_is_told_what_a_chart_shows() -> None:
    assert "the last is 97 %" in charts.rate_over_time("Agreement", ONE)
    assert "The lowest is b with 90 %" in charts.rates("t", [Row("b", 0.9, 0.8, 0.95), Row("a", 0.95, 0.9, 0.99)])


def test_numbers_along_an_axis_are_round() -> None:
    assert steps(0.8, 1.0) == pytest.approx([0.8, 0.85, 0.9, 0.95, 1.0])
    assert steps(-3, 42) == pytest.approx([0, 10, 20, 30, 40])
    assert steps(7, 7) == [7]
    assert (percent(0.9749), plain(12345.6), plain(0.012345)) == ("97.49 %", "12,346", "0.01235")


def test_places_and_elements() -> None:
    assert linear(0, 10, 100, 200)(5) == 150 and linear(3, 3, 0, 9)(3) == 0
    assert tag("a", "x", klass='"', font_size=1.50) == '<a class="&quot;" font-size="1.5">x</a>'
    assert drawing("t", "d", []) != drawing("t", "d", [])  # ids differ on one page
