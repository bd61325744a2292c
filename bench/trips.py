"""Seeded simulations of the guard's bets, looked at after every key: how often they trip for nothing, and how soon."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from gateway.statistics.betting import Begin, Bet, Side, Wealth

Day = Callable[[Generator, float], float]
"""Draws a day's rate around a rate."""
CV = 0.5
"""How much days vary where they do: the standard deviation as a share of the rate."""
CALLS = 10
"""Calls of a key where there is more than one."""


def alike(_: Generator, rate: float) -> float:
    """Days that do not vary."""
    return rate


def beta(draw: Generator, rate: float) -> float:
    """Days whose rates are a beta with a coefficient of variation of a half."""
    size = (1 - rate) / (CV**2 * rate) - 1
    return float(draw.beta(rate * size, (1 - rate) * size))


def lognormal(draw: Generator, rate: float) -> float:
    """The same width with a longer tail, cut at 1."""
    spread = numpy.log(1 + CV**2)
    return min(float(rate * numpy.exp(draw.normal(-spread / 2, numpy.sqrt(spread)))), 1.0)


@dataclass(slots=True, frozen=True)
class World:
    """Where keys come from: `a_day` of them, at this rate, on days like these. `identical`: each comes with ten equal
    calls; `counted` is what is taken for a unit, the key, or each of its calls (which is wrong)."""

    rate: float
    a_day: int
    day: Day = alike
    identical: int = 1
    counted: str = "key"

    def days(self, seed: int) -> Iterator[NDArray[numpy.float64]]:
        """The units of one day after the other, without end."""
        draw = numpy.random.default_rng(seed)
        while True:
            keys = (draw.random(self.a_day) < self.day(draw, self.rate)).astype(float)
            yield numpy.repeat(keys, self.identical) if self.counted == "call" else keys


def trip(bet: Bet, error: float, world: World, seed: int, keys: int) -> int | None:
    """The key at which the bets prove their side, looked at after every key; None where they do not within `keys`."""
    wealth, enough = Wealth(), -log(error)
    for day, values in enumerate(world.days(seed), 1):
        after = bet.take(wealth, day, values.tolist())
        if after.peak >= enough:
            while wealth.peak < enough:
                wealth, values = bet.take(wealth, day, [float(values[0])]), values[1:]
            return wealth.taken
        if after.taken >= keys:
            return None
        wealth = after
    return None


def trips(bet: Bet, error: float, world: World, runs: Sequence[int], keys: int) -> list[int | None]:
    """The same of each run, named by its seed."""
    return [trip(bet, error, world, seed, keys) for seed in runs]


def median(found: Sequence[int | None]) -> int | None:
    """The median key, None where more than half of the runs never trip."""
    ordered = sorted(one if one is not None else 1 << 60 for one in found)
    middle = ordered[len(ordered) // 2]
    return None if middle == 1 << 60 else middle


def guard(limit: float, day_to_day: float) -> Bet:
    """The bets that roll back."""
    return Bet(limit, Side.ABOVE, day_to_day, Begin.LATER)


def proof(limit: float, day_to_day: float) -> Bet:
    """The bets that promote."""
    return Bet(limit, Side.BELOW, day_to_day, Begin.ONCE)
