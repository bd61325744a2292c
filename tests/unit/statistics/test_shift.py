"""Drift, against values computed by hand."""

import random
from math import log

import pytest

from gateway.statistics.shift import distance, noise, psi, smirnov


def test_psi_is_the_sum_over_bins() -> None:
    by_hand = 0.1 * log(0.2 / 0.1) + 0.0 + (0.5 - 0.6) * log(0.5 / 0.6)
    assert psi((10, 30, 60), (20, 30, 50)) == pytest.approx(by_hand)
    assert psi((1, 2, 3), (10, 20, 30)) == pytest.approx(0)
    assert psi((10, 0), (10, 5)) > 0.25


def test_psi_without_any_shift_is_what_chance_says_on_average(rng: random.Random) -> None:
    """(bins - 1) (1/n + 1/m), checked by simulation."""
    found = []
    for _ in range(400):
        before, now = [0] * 10, [0] * 10
        for _ in range(2000):
            before[rng.randrange(10)] += 1
        for _ in range(500):
            now[rng.randrange(10)] += 1
        found.append(psi(before, now))
    assert sum(found) / len(found) == pytest.approx(noise(10, 2000, 500), rel=0.15)


def test_smirnov_is_the_largest_distance() -> None:
    found = smirnov((1, 2, 3, 4), (3, 4, 5, 6))
    assert found.statistic == pytest.approx(0.5)
    assert distance((2, 2, 0), (0, 2, 2)) == pytest.approx(0.5)


def test_nothing_on_one_side_or_other_bins_are_refused() -> None:
    for before, now in (((), ()), ((0, 0), (1, 1)), ((1, 1), (1, 1, 1))):
        for measure in (psi, distance):
            with pytest.raises(ValueError, match="same bins"):
                measure(before, now)
    with pytest.raises(ValueError, match="two samples"):
        smirnov((), (1.0,))
