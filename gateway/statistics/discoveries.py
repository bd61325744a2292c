"""Which of many findings may be told when a share of false ones among them is to stay small."""

from collections.abc import Sequence


def e_bh(values: Sequence[float], rate: float) -> Sequence[int]:
    """The places of the e-values that are discoveries, with at most `rate` of them false on average, whatever depends
    on what: the k largest, for the largest k whose smallest member is at least K / (rate k), of K values.

    R. Wang, A. Ramdas, Journal of the Royal Statistical Society B 84 (2022), 822-852."""
    if not 0 < rate < 1:
        raise ValueError(f"a rate of false discoveries lies between 0 and 1, not {rate}")
    order = sorted(range(len(values)), key=lambda place: -values[place])
    found = [k for k, place in enumerate(order, 1) if values[place] * k * rate >= len(values)]
    return sorted(order[: max(found, default=0)])
