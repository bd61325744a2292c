"""Intervals of a rate: for one look, and for as many looks as anybody likes."""

from collections.abc import Callable
from math import inf, lgamma, log, sqrt


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval (low, high) of a rate, within [0, 1]; (0, 1) when nothing was tried.

    It holds for independent trials that are looked at once: whoever looks again and again needs `sequence`.
    `z` is the normal quantile: 1.96 for 95 %. Raises ValueError unless 0 <= successes <= trials.

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927), 209-212:
    (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)."""
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no rate")
    if trials == 0:
        return 0.0, 1.0
    rate, square = successes / trials, z * z / trials
    centre = rate + square / 2
    spread = z * sqrt(rate * (1 - rate) / trials + square / (4 * trials))
    low, high = (centre - spread) / (1 + square), (centre + spread) / (1 + square)
    # Rounding alone could leave the rate itself, or 0 or 1, outside.
    return max(0.0, min(low, rate)), min(1.0, max(high, rate))


def sequence(total: float, trials: int, alpha: float = 0.05, prior: float = 1.0) -> tuple[float, float]:
    """The confidence sequence (low, high) of a rate, within [0, 1]: with probability 1 - `alpha` or more the rate is
    inside at every look of a whole run, however often and whenever somebody looks.

    `total` is the sum of independent values in [0, 1] that share a mean: successes, or a mean per business key.
    It consists of all p with B(a + S, a + n - S) / B(a, a) < (1 / alpha) p^S (1 - p)^(n - S), where a is `prior`.
    H. Robbins, Annals of Mathematical Statistics 41 (1970), 1397-1409; S. R. Howard, A. Ramdas, J. McAuliffe,
    J. Sekhon, Annals of Statistics 49 (2021), 1055-1080, for values between 0 and 1. Raises ValueError."""
    if not 0 <= total <= trials:
        raise ValueError(f"{total} of {trials} is no rate")
    if trials == 0:
        return 0.0, 1.0
    missed, rate = trials - total, total / trials
    mixture = _log_beta(prior + total, prior + missed) - _log_beta(prior, prior) + log(alpha)

    def excluded(p: float) -> bool:
        return mixture >= _times_log(total, p) + _times_log(missed, 1 - p)

    return _edge(excluded, rate, 0.0), _edge(excluded, rate, 1.0)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _times_log(count: float, p: float) -> float:
    if not count:
        return 0.0
    return count * log(p) if p > 0 else -inf


def _edge(excluded: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where the interval ends between a rate inside and the end of the scale: the outer one of two close numbers."""
    if not excluded(outside):
        return outside
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if excluded(middle) else (middle, outside)
    return outside
