"""False discoveries."""

import pytest

from gateway.statistics.discoveries import e_bh


def test_the_largest_are_discoveries_as_far_as_their_number_allows() -> None:
    """By hand, K = 5 and a rate of 0.1: the k-th largest must be 50 / k or more."""
    assert e_bh((60, 3, 26, 17, 0.5), 0.1) == [0, 2, 3]
    assert e_bh((49, 24, 16, 12, 9), 0.1) == []
    assert e_bh((49, 24, 16, 12.5, 9), 0.1) == [0, 1, 2, 3], "four together carry what no one of them does alone"
    assert e_bh((), 0.1) == []


def test_an_impossible_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="false discoveries"):
        e_bh((1.0,), 0.0)
