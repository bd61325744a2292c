"""What the latency histogram promises."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.histogram import Histogram

latencies = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=200)


@given(latencies, st.floats(0.01, 1.0))
def test_a_quantile_is_within_two_and_a_half_percent_of_the_exact_one(values: list[float], share: float) -> None:
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert Histogram(values).quantile(share) == pytest.approx(exact, rel=0.025)


@given(latencies, latencies)
def test_merging_is_the_same_as_adding_everything_to_one(left: list[float], right: list[float]) -> None:
    merged = Histogram(left)
    merged.merge(Histogram(right))
    assert merged == Histogram(left + right)
    assert merged.count == len(left) + len(right)


@given(latencies)
def test_json_brings_back_the_same_histogram(values: list[float]) -> None:
    histogram = Histogram(values)
    assert Histogram.from_json(json.loads(json.dumps(histogram.to_json()))) == histogram


def test_an_empty_histogram_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None


def test_zero_counts_as_the_smallest_value() -> None:
    assert Histogram([0.0]).quantile(0.5) == pytest.approx(0.001, rel=0.05)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Histogram([value])
