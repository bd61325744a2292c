"""Bets against published and independently computed values; the long simulations are in bench/."""

import random
from math import comb, exp, inf, log

import numpy
import pytest

from gateway.statistics.betting import STEPS, Begin, Bet, Side, Wealth


def believed(limit: float, side: Side = Side.ABOVE) -> list[float]:
    sign = 1 if side is Side.ABOVE else -1
    return [1 / (1 + (1 / limit - 1) * exp(-sign * step)) for step in STEPS]


def test_with_independent_values_the_wealth_is_the_mean_likelihood_ratio() -> None:
    values = [1, 0, 0, 1, 0, 1, 1, 0]
    wealth = Bet(0.3).take(Wealth(), 1, values)
    ratios = [(q / 0.3) ** 4 * ((1 - q) / 0.7) ** 4 for q in believed(0.3)]
    assert exp(wealth.now) == pytest.approx(sum(ratios) / len(ratios))


def test_with_days_that_vary_the_wealth_is_the_mean_ratio_of_beta_binomials() -> None:
    """Computed independently, from the probability of three of eight under a beta-binomial."""
    from scipy.special import betaln

    bet = Bet(0.2, drift=0.4)
    k = 0.8 / (0.16 * 0.2) - 1
    assert bet.weight == pytest.approx(k)

    def probability(mean: float) -> float:
        return float(exp(betaln(3 + k * mean, 5 + k * (1 - mean)) - betaln(k * mean, k * (1 - mean)))) * comb(8, 3)

    wealth = bet.take(Wealth(), 1, [0, 1, 0, 0, 1, 0, 0, 1])
    daily = [log(probability(q) / probability(0.2)) for q in believed(0.2)]
    assert wealth.daily == pytest.approx(daily)


def test_a_new_day_is_believed_anew() -> None:
    bet = Bet(0.2, drift=0.4)
    one = bet.take(Wealth(), 1, [0, 1, 1])
    two = bet.take(one, 2, [0, 1, 1])
    assert two.daily == pytest.approx([2 * each for each in one.daily])


@pytest.mark.parametrize("begin", list(Begin))
@pytest.mark.parametrize("drift", [0.0, 0.5])
def test_it_does_not_matter_in_how_many_looks_the_values_come(begin: Begin, drift: float, rng: random.Random) -> None:
    days = [[rng.choice((0.0, 0.25, 1.0)) for _ in range(40)] for _ in range(3)]
    bet, whole, parts = Bet(0.3, drift=drift, begin=begin), Wealth(), Wealth()
    for day, values in enumerate(days):
        whole = bet.take(whole, day, values)
        while values:
            size = rng.randint(1, 7)
            parts, values = bet.take(parts, day, values[:size]), values[size:]
    for name in ("plain", "daily", "now", "peak", "independent", "total"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name)), name
    assert (parts.taken, parts.today) == (whole.taken, whole.today) == (120, 40)


def test_always_is_the_recursion_of_the_shiryaev_roberts_detector(rng: random.Random) -> None:
    values = [float(rng.random() < 0.4) for _ in range(30)]
    expected = [0.0] * len(STEPS)
    for value in values:
        for at, q in enumerate(believed(0.3)):
            expected[at] = (expected[at] + 1) * (q / 0.3 if value else (1 - q) / 0.7)
    wealth = Bet(0.3, begin=Begin.ALWAYS).take(Wealth(), 1, values)
    assert wealth.plain == pytest.approx(numpy.log(expected).tolist())


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("drift", [0.0, 0.5])
def test_no_bet_is_expected_to_grow_at_the_limit(side: Side, drift: float) -> None:
    """Exactly, over all sequences of eight values: with independent values the wealth is worth one."""
    worth = 0.0
    for number in range(256):
        values = [float(number >> bit & 1) for bit in range(8)]
        chance = 0.3 ** sum(values) * 0.7 ** (8 - sum(values))
        worth += chance * exp(Bet(0.3, side, drift).take(Wealth(), 1, values).now)
    assert worth <= 1 + 1e-9
    assert drift or worth == pytest.approx(1)


def test_a_failure_that_comes_late_is_found_only_where_later_beginnings_are_bet_on() -> None:
    good, bad = [0.0] * 5000, [1.0, 0.0] * 100
    for begin, found in ((Begin.ONCE, False), (Begin.LATER, True)):
        bet = Bet(0.1, begin=begin)
        wealth = bet.take(bet.take(Wealth(), 1, good), 2, bad)
        assert (wealth.peak > log(100)) is found


def test_what_was_proven_stays_proven_and_nothing_is_proven_without_values() -> None:
    bet = Bet(0.1)
    assert bet.take(Wealth(), 1, []) == Wealth() and Wealth().peak == -inf
    proven = bet.take(Wealth(), 1, [1.0] * 20)
    assert bet.take(proven, 2, [0.0] * 500).peak == proven.peak > log(100)


def test_an_impossible_limit_or_drift_is_refused() -> None:
    for limit, drift in ((0.0, 0.0), (1.0, 0.0), (0.5, -1.0)):
        with pytest.raises(ValueError, match="limit"):
            Bet(limit, drift=drift)
