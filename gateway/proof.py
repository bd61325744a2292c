"""What is proven of one rate: bets on both sides of its limit, continued with every business key. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, log

from gateway.judgement import Finding, Outcome
from gateway.statistics.betting import Begin, Bet, Side, Wealth

LATELY = 10_000
"""A rate that stays at its limit is said to be above it lately once in this many keys, or less often."""
NEXT_TO_NOTHING = 1e-300
LONG = 10 * 365
"""Days that nobody waits for."""


@dataclass(slots=True)
class Proof:
    """How the bets on one rate stand: plain numbers, kept from look to look."""

    above: Wealth = field(default_factory=Wealth)
    below: Wealth = field(default_factory=Wealth)
    lately: Wealth = field(default_factory=Wealth)
    total: float = 0.0

    @property
    def rate(self) -> float | None:
        """The mean over all keys; None before the first."""
        return self.total / self.above.taken if self.above.taken else None


@dataclass(slots=True, frozen=True)
class Rate:
    """A rate with a limit; `say` writes a rate for people, in percent or in money."""

    name: str
    limit: float
    say: Callable[[float], str]

    def take(self, proof: Proof, days: Mapping[int, Sequence[float]], day_to_day: float) -> Proof:
        """The proof after the values of further keys, by day."""
        above, below, lately, total = proof.above, proof.below, proof.lately, proof.total
        for day, values in sorted(days.items()):
            above = Bet(self.limit, Side.ABOVE, day_to_day, Begin.LATER).take(above, day, values)
            below = Bet(self.limit, Side.BELOW, day_to_day, Begin.ONCE).take(below, day, values)
            lately = Bet(self.limit, Side.ABOVE, day_to_day, Begin.ALWAYS).take(lately, day, values)
            total += sum(values)
        return Proof(above, below, lately, total)

    def find(self, proof: Proof, above: float, below: float, per_day: float, day_to_day: float) -> Finding:
        """What is proven. `above` and `below` are the chances of error allowed on either side, `per_day` how many new
        keys come in a day."""
        rate, seen = proof.rate, proof.above.taken
        if rate is None:
            return Finding(self.name, Outcome.UNDECIDED, f"{self.name}: no key was compared yet", None, self.limit)
        told = f"{self.name}: {self.say(rate)} over {seen:,} keys"
        limit = self.say(self.limit)

        def found(outcome: Outcome, reason: str) -> Finding:
            return Finding(self.name, outcome, f"{told}, {reason}", rate, self.limit, seen)

        if proof.above.peak >= -log(above):
            since = "proven to be" if rate > self.limit else "as a whole within it, but proven to have risen"
            return found(Outcome.ROLL_BACK, f"{since} above the limit of {limit}")
        if proof.above.independent >= -log(above):
            why = f"above the limit of {limit}, which would be proven if days did not vary"
            return found(Outcome.HOLD, f"{why} (assumed: by {day_to_day:.0%})")
        if proof.lately.now >= log(LATELY):
            return found(Outcome.HOLD, f"as a whole not proven to be above the limit of {limit}, but it was lately")
        if proof.below.peak >= -log(below):
            return found(Outcome.PROMOTE, f"proven to be below the limit of {limit}")
        return self._undecided(proof, rate, (above, below), per_day, day_to_day)

    def _undecided(
        self, proof: Proof, rate: float, errors: tuple[float, float], per_day: float, day_to_day: float
    ) -> Finding:
        side, allowed, now = ("above", errors[0], proof.above.now) if rate > self.limit else (
            "below", errors[1], proof.below.now)  # fmt: skip
        days = (-log(allowed) - max(now, -log(1 / allowed))) / _information(rate, self.limit, per_day, day_to_day)
        told = f"{self.name}: {self.say(rate)} over {proof.above.taken:,} keys, limit {self.say(self.limit)}: undecided"
        if not days < LONG:
            told += f"; at this traffic it will not be proven to be {side}"
            return Finding(self.name, Outcome.UNDECIDED, told, rate, self.limit, proof.above.taken)
        keys = max(1, ceil(days * per_day))
        told += f"; about {keys:,} more keys, {_days(days)} at this traffic, would prove it to be {side}"
        return Finding(self.name, Outcome.UNDECIDED, told, rate, self.limit, proof.above.taken, keys, days)


def _information(rate: float, limit: float, per_day: float, day_to_day: float) -> float:
    """By how much a day's log wealth grows on average, where the rate stays: (p - m)^2 / 2 v, v the variance of a
    day's rate at the limit, that of days and that of its keys."""
    if not per_day:
        return NEXT_TO_NOTHING
    variance = (day_to_day * limit) ** 2 + limit * (1 - limit) / per_day
    return (rate - limit) ** 2 / (2 * variance) or NEXT_TO_NOTHING


def _days(days: float) -> str:
    if days < 1 / 24:
        return "less than an hour"
    return f"{days * 24:.0f} hours" if days < 2 else f"{days:,.0f} days"
