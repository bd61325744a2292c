"""Limits of agreement and quantiles, against published values."""

import random

import numpy
import pytest

from gateway.statistics.differences import bland_altman, quantiles

LARGE = (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)
MINI = (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)


def test_bland_and_altman_find_their_own_limits() -> None:
    """Peak flow by two meters, Lancet 1986: mean -2.1, s 38.8, limits about -79.7 and 75.5 with 2 for 1.96."""
    differences = [one - other for one, other in zip(LARGE, MINI, strict=True)]
    found = bland_altman(17, float(numpy.mean(differences)), float(numpy.var(differences, ddof=1)))
    assert (found.mean, found.deviation) == pytest.approx((-2.1, 38.8), abs=0.05)
    assert (found.low, found.high) == pytest.approx((-2.118 - 1.96 * 38.77, -2.118 + 1.96 * 38.77), abs=0.05)
    assert found.low_interval[0] < found.low < found.low_interval[1] < found.mean_interval[0]


def test_limits_need_two_differences() -> None:
    with pytest.raises(ValueError, match="two differences"):
        bland_altman(1, 0.0, 0.0)


def test_quantiles_are_numpys_and_their_intervals_cover(rng: random.Random) -> None:
    covered = 0
    for _ in range(200):
        values = [rng.gauss(0, 1) for _ in range(150)]
        (middle, low, high), (far, _, _) = quantiles(values, (0.5, 0.9))
        assert (middle, far) == pytest.approx(tuple(numpy.quantile(values, (0.5, 0.9))))
        covered += low <= 0 <= high
    assert covered >= 174  # 95 % of 200 are 190, with a standard deviation of 3


def test_no_values_have_no_quantiles() -> None:
    assert quantiles([], (0.5,)) == ()
