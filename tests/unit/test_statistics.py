"""Intervals, against published values."""

import pytest

from gateway.statistics import wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=0.00006)


def test_wilson_is_symmetric_and_stays_within_zero_and_one() -> None:
    for successes in range(21):
        low, high = wilson(successes, 20)
        assert 0 <= low <= successes / 20 <= high <= 1
        assert (1 - high, 1 - low) == pytest.approx(wilson(20 - successes, 20))


def test_wilson_narrows_with_more_trials_and_widens_with_more_confidence() -> None:
    few, many, sure = wilson(9, 10), wilson(900, 1000), wilson(9, 10, z=2.576)
    assert few[0] < many[0] < many[1] < few[1]
    assert sure[0] < few[0] < few[1] < sure[1]


def test_nothing_tried_says_nothing_and_an_impossible_count_is_refused() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    for successes, trials in ((1, 0), (-1, 5), (6, 5)):
        with pytest.raises(ValueError, match="no rate"):
            wilson(successes, trials)
