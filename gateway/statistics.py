"""Statistics of agreement. Pure."""

from math import sqrt


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval (low, high) of a rate, within [0, 1]; (0, 1) when nothing was tried.

    It holds for independent trials that are looked at once: whoever looks again and again needs a sequence instead.
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
