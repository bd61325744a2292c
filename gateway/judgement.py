"""What a guard says of a route, and of each of its conditions. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Outcome(IntEnum):
    """What a guard says; the highest of its conditions' counts."""

    PROMOTE = 0
    UNDECIDED = 1
    HOLD = 2
    ROLL_BACK = 3

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


@dataclass(slots=True, frozen=True)
class Finding:
    """What is said of one condition. `keys` and `days` are about how many more of them it takes, None where that
    cannot be told or it is decided."""

    condition: str
    outcome: Outcome
    reason: str
    rate: float | None = None
    limit: float | None = None
    seen: int = 0
    keys: int | None = None
    days: float | None = None


@dataclass(slots=True, frozen=True)
class Judgement:
    """What the guard says, its condition that decided it first."""

    outcome: Outcome = Outcome.UNDECIDED
    findings: Sequence[Finding] = ()
    keys: int | None = None
    days: float | None = None

    @property
    def reason(self) -> str:
        """In a sentence."""
        return self.findings[0].reason if self.findings else "the guard has no condition"
