"""Who answers: stages, cohorts and holds. Pure, so that every replica and every test decides alike."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from gateway.contract import By, Stage

COHORTS = 10_000


def cohort(route: str, key: str) -> int:
    """The cohort of a business key, 0 to 9,999: sticky, and independent from route to route.

    The first 8 bytes, big-endian, of BLAKE2b-512 over `route NUL key` in UTF-8, modulo 10,000. Test vectors are in
    docs/architecture.md. Cohorts are nested: whoever is in at p percent is in at every higher one.
    """
    # A key may come from JSON with half a surrogate pair in it, which strict UTF-8 refuses to write.
    digest = hashlib.blake2b(f"{route}\0{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % COHORTS


def in_cohort(route: str, key: str, percent: Decimal) -> bool:
    """Whether the candidate answers this key at `percent` (steps of 0.01)."""
    return cohort(route, key) < percent * (COHORTS // 100)


class Level(NamedTuple):
    """What the candidate may do: the stage, and the percentage of the keys that it answers (0 below canary)."""

    stage: Stage
    percent: Decimal


BELOW = {stage: Level(stage, Decimal(0)) for stage in (Stage.OFF, Stage.SHADOW)}


@dataclass(slots=True, frozen=True)
class Caps:
    """What the store allows at most, by its holds and plans; replaced whole whenever they are read again.

    Until the store has been read once nothing above shadow is in force: a hold could be standing there.
    """

    holds: Mapping[str, str] = field(default_factory=dict)
    """Scope, a route's name or `*`, to the reason of its hold."""
    plans: Mapping[str, Decimal | None] = field(default_factory=dict)
    """Route to the percentage that its plan has reached; None where the plan is done."""
    known: bool = False

    def reason(self, route: str) -> str | None:
        """Why the route may not go above shadow; None where it may."""
        if not self.known:
            return "the store has not been read yet"
        return self.holds.get(route) or self.holds.get("*")

    def planned(self, route: str) -> Decimal | None:
        """The percentage that the plan of a route which has one allows; None where it no longer limits anything."""
        return self.plans.get(route, Decimal(0))


def in_force(configured: Stage, ceilings: Iterable[Stage], held: bool) -> Stage:
    """The stage in force: the lowest of all. A hold leaves the incumbent answering and the candidate observed."""
    return min([configured, *ceilings, *([Stage.SHADOW] if held else [])])


def limited(stage: Stage, percent: Decimal, planned: Decimal | None) -> Level:
    """The level in force of a stage and its percentage, lowered to what a plan allows (None: everything)."""
    if stage < Stage.CANARY or planned == 0:
        return BELOW[min(stage, Stage.SHADOW)]
    whole = Decimal(100) if stage is Stage.LIVE else percent
    return Level(stage, whole) if planned is None else Level(Stage.CANARY, min(whole, planned))


def decide(stage: Stage, percent: Decimal, route: str, key: str | None) -> tuple[By, str]:
    """Who answers a call with this canonical key, and a short word why."""
    if stage < Stage.CANARY:
        return By.INCUMBENT, str(stage)
    if stage is Stage.LIVE:
        return By.CANDIDATE, "live"
    if not key:
        return By.INCUMBENT, "no_key"
    return (By.CANDIDATE, "cohort") if in_cohort(route, key, percent) else (By.INCUMBENT, "rest")
