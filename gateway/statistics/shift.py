"""Whether values are spread as they were: two samples, or two histograms of the same bins."""

from collections.abc import Sequence
from math import log

from gateway.statistics.agreement import Test


def psi(before: Sequence[float], now: Sequence[float]) -> float:
    """The population stability index over bins, sum (c - b) ln(c / b) of the bins' shares b before and c now.

    0.10 and 0.25 are conventions of banks, no tests: with few values chance alone exceeds them; the expected value
    without any shift is about (bins - 1) (1/n + 1/m), see B. Yurdakul, J. Naranjo, Journal of Risk Model Validation 14
    (2020). An empty bin counts as half a value. S. Kullback, Information Theory and Statistics (1959), divergence J.
    Raises ValueError where one side is empty or the bins are not the same."""
    if len(before) != len(now) or sum(before) <= 0 or sum(now) <= 0:
        raise ValueError("two histograms of the same bins are compared, with values in both")
    return sum((c - b) * log(c / b) for b, c in zip(_shares(before), _shares(now), strict=True) if (b, c) != (0, 0))


def _shares(counts: Sequence[float]) -> Sequence[float]:
    total = sum(counts)
    return [max(count, 0.5) / total for count in counts]


def noise(bins: int, before: float, now: float) -> float:
    """The index that chance alone would show on average, for this many bins and values on either side."""
    return (bins - 1) * (1 / before + 1 / now)


def smirnov(before: Sequence[float], now: Sequence[float]) -> Test:
    """The largest distance of two samples' distribution functions, and its p value; every value counts, so that
    thousands of them make a difference certain that matters to nobody. N. Smirnov, Annals of Mathematical Statistics
    19 (1948), 279-281. By scipy. Raises ValueError where one side is empty."""
    if not before or not now:
        raise ValueError("two samples are compared, with values in both")
    from scipy.stats import ks_2samp

    found = ks_2samp(before, now)
    return Test(float(found.statistic), float(found.pvalue))


def distance(before: Sequence[float], now: Sequence[float]) -> float:
    """Smirnov's distance of two histograms of the same ordered bins: the samples' own distance, or less.

    Raises ValueError where one side is empty or the bins are not the same."""
    if len(before) != len(now) or sum(before) <= 0 or sum(now) <= 0:
        raise ValueError("two histograms of the same bins are compared, with values in both")
    furthest, below = 0.0, [0.0, 0.0]
    for b, c in zip(before, now, strict=True):
        below = [below[0] + b / sum(before), below[1] + c / sum(now)]
        furthest = max(furthest, abs(below[0] - below[1]))
    return furthest
