"""Evidence that may be looked at all the time: bets against "the rate is at the limit", one after another.

Who bets on a sequence x_1, x_2, ... in [0, 1] with stakes fixed before each value has a wealth of product
(1 + s_t (x_t - m_t)). Where the mean given the past is at most m_t (and s_t >= 0), the wealth is not expected to grow,
so that with probability 1 - alpha it never reaches 1 / alpha (Ville, 1939): an e-process. I. Waudby-Smith, A. Ramdas,
"Estimating means of bounded random variables by betting", Journal of the Royal Statistical Society B 86 (2024), 1-27.

Two kinds of doubt are played, and both have to be convinced:

- values are independent: m_t is the limit m;
- rates vary from day to day: each day's rate is drawn anew, a beta with mean m and coefficient of variation `drift`,
  so that a whole bad day proves little. Then m_t = (k m + S) / (k + n), after S of n today, with
  k = (1 - m) / (drift^2 m) - 1 (beta-binomial: J. G. Skellam, Journal of the Royal Statistical Society B 10 (1948)).

Each stake is that of somebody who believes in a rate q instead, (q_t - m_t) / (m_t (1 - m_t)), and the wealth is
spread over several q. It is also spread over several beginnings j, with shares w_j:
R_t = (R_{t-1} + w_t) (1 + s_t (x_t - m_t)). With `Begin.ONCE` there is one beginning. With `Begin.LATER` all later ones
share a part, sum w_j = 3/4, so that a model that was good for long and then fails is found, and it stays an e-process.
With `Begin.ALWAYS`, w_j = 1, it is the e-detector (of the kind Shiryaev-Roberts) of J. Shin, A. Ramdas, A. Rinaldo, New
England Journal of Statistics in Data Science 2 (2024), 229-260: at the limit it alarms for nothing only after 1 / alpha
values or more, on average.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, log

import numpy
from numpy.typing import NDArray

Array = NDArray[numpy.float64]

STEPS = (0.1, 0.2, 0.35, 0.6, 1.0, 1.6, 2.6, 4.5)
"""How far the believed rates are from the limit, in logits: from a tenth more odds to ninety times the odds."""
LEAST = 1.0
"""The least weight, in values, of what is believed of a day before it begins; less would mean that rates are 0 or 1."""


class Begin(StrEnum):
    """Which beginnings are bet on."""

    ONCE = "once"
    LATER = "later"
    ALWAYS = "always"


class Side(StrEnum):
    """What is to be shown of the rate."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(slots=True)
class Wealth:
    """How the bets stand: plain numbers, to be kept and continued. Logarithms are natural."""

    taken: int = 0
    day: int = 0
    today: int = 0
    """Values of this day so far, and their sum."""
    total: float = 0.0
    plain: list[float] = field(default_factory=list)
    """Log wealth by believed rate where values are independent."""
    daily: list[float] = field(default_factory=list)
    """The same where rates vary from day to day."""
    now: float = -inf
    """Log wealth of the harder to convince of the two."""
    peak: float = -inf
    """The highest it ever was: what was proven stays proven."""
    independent: float = -inf
    """Log wealth now if values are independent, whatever days do."""


@dataclass(slots=True, frozen=True)
class Bet:
    """Bets that the mean of values in [0, 1] is above, or below, a limit. Raises ValueError for a limit of 0 or 1."""

    limit: float
    side: Side = Side.ABOVE
    drift: float = 0.0
    """How much rates vary from day to day: the standard deviation as a share of the limit."""
    begin: Begin = Begin.ONCE

    def __post_init__(self) -> None:
        if not 0 < self.limit < 1 or self.drift < 0:
            raise ValueError(f"a limit lies between 0 and 1 and a drift is not negative: {self.limit}, {self.drift}")

    @property
    def weight(self) -> float:
        """What is believed of a day before it begins weighs as much as this many values of it."""
        if not self.drift:
            return inf
        return max((1 - self.limit) / (self.drift**2 * self.limit) - 1, LEAST)

    def take(self, wealth: Wealth, day: int, values: Sequence[float]) -> Wealth:
        """The wealth after these further values, all of one day (any number that grows from day to day).

        Values that come late for a day before count as of the latest day. Costs a few microseconds a value."""
        if not values:
            return wealth
        x = numpy.asarray(values, float)
        day = max(day, wealth.day)
        today, total = (wealth.today, wealth.total) if day == wealth.day else (0, 0.0)
        seen = today + numpy.arange(len(x), dtype=float)
        sums = total + numpy.concatenate(([0.0], numpy.cumsum(x)[:-1]))
        starts = self._starts(wealth.taken, len(x))
        plain = self._grown(wealth.plain, x, starts, inf, seen, sums)
        daily = plain if self.weight == inf else self._grown(wealth.daily, x, starts, self.weight, seen, sums)
        both = [numpy.logaddexp.reduce(each, axis=1) - log(len(STEPS)) for each in (plain, daily)]
        least = numpy.minimum(*both)
        return Wealth(
            wealth.taken + len(x), day, today + len(x), total + float(x.sum()), plain[-1].tolist(),
            daily[-1].tolist(), float(least[-1]), max(wealth.peak, float(least.max())), float(both[0][-1]),
        )  # fmt: skip

    def _grown(
        self, before: Sequence[float], x: Array, starts: Array, weight: float, seen: Array, sums: Array
    ) -> Array:
        """Log wealth after each value, by believed rate."""
        growth = numpy.cumsum(self._growth(x, weight, seen, sums), axis=0)
        # R_t = (R_{t-1} + w_t) g_t is P_t (R_0 + sum w_j / P_{j-1}), P the product of all g so far.
        entered = starts[:, None] - numpy.vstack([numpy.zeros(len(STEPS)), growth[:-1]])
        had = numpy.asarray(before or [-inf] * len(STEPS))[None, :]
        held: Array = numpy.logaddexp.accumulate(numpy.vstack([had, entered]), axis=0)[1:]
        return growth + held

    def _growth(self, x: Array, weight: float, seen: Array, sums: Array) -> Array:
        """log(1 + s (x - m)), by value and believed rate."""
        believed = 1 / (1 + (1 / self.limit - 1) * numpy.exp(numpy.asarray(STEPS) * self._towards))
        expected, hoped = numpy.full(len(x), self.limit), numpy.tile(believed, (len(x), 1))
        if weight != inf:
            expected = (weight * self.limit + sums) / (weight + seen)
            hoped = (weight * believed + sums[:, None]) / (weight + seen)[:, None]
        m = expected[:, None]
        logarithm: Array = numpy.log1p((hoped - m) / (m * (1 - m)) * (x[:, None] - m))
        return logarithm

    @property
    def _towards(self) -> int:
        return -1 if self.side is Side.ABOVE else 1

    def _starts(self, taken: int, count: int) -> Array:
        """Logarithms of w_t for the next values."""
        at = taken + 1 + numpy.arange(count, dtype=float)
        if self.begin is Begin.ALWAYS:
            return numpy.zeros(count)
        first = at == 1
        share = first.astype(float) if self.begin is Begin.ONCE else 0.5 * first + 0.25 / (at * (at + 1))
        with numpy.errstate(divide="ignore"):
            logarithms: Array = numpy.log(share)
        return logarithms
