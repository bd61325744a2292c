"""What the spread of numbers promises: either sign, mergeable, and taken back without a trace."""

import json
import math
import statistics
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.spread import Spread, number

numbers = st.lists(st.floats(0.01, 1e6) | st.floats(-1e6, -0.01), min_size=2, max_size=100)


@given(numbers, st.floats(0.01, 1.0))
def test_a_quantile_is_within_half_a_percent_of_the_exact_one(values: list[float], share: float) -> None:
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert Spread(values).quantile(share) == pytest.approx(exact, rel=0.0051)


@given(numbers)
def test_mean_and_deviation_are_those_of_the_values(values: list[float]) -> None:
    spread = Spread(values)
    scale = max(map(abs, values))
    assert spread.mean == pytest.approx(statistics.fmean(values), abs=1e-9 * scale)
    assert spread.deviation == pytest.approx(statistics.stdev(values), abs=1e-6 * scale)


@given(numbers, numbers)
def test_merging_and_json_lose_nothing(left: list[float], right: list[float]) -> None:
    merged = Spread(left)
    merged.merge(Spread.from_json(json.loads(json.dumps(Spread(right).to_json()))))
    assert merged.cells() == Spread(left + right).cells()
    assert (merged.count, sum(count for _, count in merged.cells())) == (len(left) + len(right),) * 2


@given(numbers, numbers)
def test_what_is_taken_back_was_never_there(left: list[float], right: list[float]) -> None:
    spread = Spread(left + right)
    for value in right:
        spread.add(value, -1)
    assert (spread.cells(), spread.count) == (Spread(left).cells(), len(left))


def test_nothing_is_small_and_stands_between_the_signs() -> None:
    assert [value for value, _ in Spread([5, 0, 0.0004, -5]).cells()] == pytest.approx([-5, 0, 5], rel=0.0051)


def test_the_empty_spread_has_no_figures() -> None:
    spread = Spread()
    assert (spread.mean, spread.deviation, spread.quantile(0.5), spread.cells()) == (None, None, None, [])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (Decimal("2.5"), 2.5),
        (True, None),
        ("3", None),
        (math.nan, None),
        (math.inf, None),
        (10**400, None),
        (Decimal("NaN"), None),
        (1e200, None),
    ],
)
def test_only_what_can_be_summed_is_a_number(value: object, expected: float | None) -> None:
    assert number(value) == expected
