"""Intervals, against published values."""

import random

import pytest

from gateway.statistics.rates import sequence, wilson


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


def test_the_sequence_is_as_wide_as_was_computed_elsewhere() -> None:
    """200 of 10,000: 1.47 to 2.64 %, against Wilson's 1.74 to 2.29 %."""
    assert sequence(200, 10_000) == pytest.approx((0.0147, 0.0264), abs=0.0001)
    assert wilson(200, 10_000) == pytest.approx((0.0174, 0.0229), abs=0.0001)


def test_the_sequence_ends_where_the_mixture_says() -> None:
    """3 of 10 with a = 1: B(4, 8) is 1/1320, so both ends solve p^3 (1 - p)^7 = 0.05 / 1320."""
    for end in sequence(3, 10):
        assert end**3 * (1 - end) ** 7 == pytest.approx(0.05 / 1320)


def test_looked_at_all_the_time_the_sequence_errs_within_its_share_and_wilson_does_not() -> None:
    rng, runs, wrong = random.Random(1995), 60, {"sequence": 0, "wilson": 0}
    for _ in range(runs):
        missed, total = {"sequence": 0, "wilson": 0}, 0
        for n in range(1, 1001):
            total += rng.random() < 0.05
            if n % 50 == 0:
                for name, (low, high) in (("sequence", sequence(total, n)), ("wilson", wilson(total, n))):
                    missed[name] |= not low <= 0.05 <= high
        for name in wrong:
            wrong[name] += missed[name]
    assert wrong["sequence"] <= 0.1 * runs < wrong["wilson"], wrong


def test_the_sequence_takes_means_of_keys_and_knows_its_ends() -> None:
    assert sequence(0, 0) == (0.0, 1.0)
    assert sequence(0, 50)[0] == 0 and sequence(50, 50)[1] == 1
    assert sequence(2, 20)[1] < sequence(2.5, 20)[1] < sequence(3, 20)[1]
    with pytest.raises(ValueError, match="no rate"):
        sequence(2, 1)
