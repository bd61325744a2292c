"""How two numbers of the same cases differ: the candidate's minus the incumbent's."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

LEVEL = 1.96
"""The normal quantile of 95 %."""


@dataclass(slots=True, frozen=True)
class Limits:
    """The mean difference, and between which limits 95 % of the differences lie, each with its 95 % interval."""

    count: int
    mean: float
    deviation: float
    low: float
    high: float
    mean_interval: tuple[float, float]
    low_interval: tuple[float, float]
    high_interval: tuple[float, float]


def bland_altman(count: int, mean: float, variance: float) -> Limits:
    """Limits of agreement, mean -+ 1.96 s, from the differences' number, mean and variance (n - 1 below).

    The intervals take s / sqrt(n) for the mean's standard error and s sqrt(1/n + 1.96^2 / (2 (n - 1))) for a limit's;
    they want differences that are roughly normal and do not depend on the size. J. M. Bland, D. G. Altman, Lancet 327
    (1986), 307-310; Statistical Methods in Medical Research 8 (1999), 135-160. Raises ValueError below two cases."""
    if count < 2 or variance < 0:
        raise ValueError("limits of agreement need two differences or more, and a variance that is not negative")
    deviation = sqrt(variance)
    error, edge = deviation / sqrt(count), deviation * sqrt(1 / count + LEVEL**2 / (2 * (count - 1)))
    low, high = mean - LEVEL * deviation, mean + LEVEL * deviation
    around = [(at - LEVEL * e, at + LEVEL * e) for at, e in ((mean, error), (low, edge), (high, edge))]
    return Limits(count, mean, deviation, low, high, *around)


def quantiles(values: Sequence[float], shares: Sequence[float]) -> Sequence[tuple[float, float, float]]:
    """(quantile, low, high) for each share, with an interval of 95 % that assumes no distribution; () without values.

    The interval is between the order statistics that a binomial count of n and that share leaves out at 2.5 % on
    either side: W. J. Conover, Practical Nonparametric Statistics (1999), 3.2. By numpy and scipy."""
    if not values:
        return ()
    import numpy
    from scipy.stats import binom

    ordered, count = numpy.sort(numpy.asarray(values, float)), len(values)
    found = []
    for share in shares:
        low = max(int(binom.ppf(0.025, count, share)) - 1, 0)
        high = min(int(binom.ppf(0.975, count, share)), count - 1)
        found.append((float(numpy.quantile(ordered, share)), float(ordered[low]), float(ordered[high])))
    return found
