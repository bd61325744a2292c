"""The demonstration's figures: what callers heard, beside what legacy counted and what the gateway booked itself."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from gateway.cli.demo_rounds import Heard
from gateway.report.evidence import epochs, latencies, total
from gateway.report.rate import rate
from gateway.store import queries
from gateway.store.model import PENDING, SEEN
from gateway.store.sums import Rollup

SETTLE = 30.0
"""Seconds that the observer may take to have judged and written everything."""
LOOK = 0.1


@dataclass(slots=True, frozen=True)
class Act:
    """One stage: three accounts of who answered that must be the same."""

    name: str
    heard: Heard
    legacy_calls: int
    """How many calls the legacy service counted meanwhile."""
    booked: Rollup
    """What the gateway's store has on the stage; nothing on off, where nothing is observed."""
    seconds: float

    @property
    def agreement(self) -> float | None:
        """Of the records compared; None where none was."""
        return self.booked.agreed / self.booked.compared if self.booked.compared else None

    def told(self) -> dict[str, Any]:
        """As JSON. `low` and `high` are the 95 % Wilson interval of `agreement`."""
        interval = rate(self.booked.agreed, self.booked.compared)
        return {
            "calls": len(self.heard.exchanges),
            "incumbent_answered": len(self.heard.incumbent),
            "candidate_answered": len(self.heard.candidate),
            "compared": self.booked.compared,
            "agreement": self.agreement,
            "low": interval["low"],
            "high": interval["high"],
            "bytes_identical": len(self.heard.incumbent),
            "errors": len(self.heard.errors),
            "legacy_called": self.legacy_calls,
            "booked": {"incumbent": self.booked.answered_incumbent, "candidate": self.booked.answered_candidate},
            "latency_ms": latencies(self.booked)
            | {"caller": {"p50": self.heard.quantile(0.5), "p99": self.heard.quantile(0.99)}},
            "seconds": round(self.seconds, 3),
        }


def settled(engine: Engine, route: str, sent: int) -> bool:
    """Whether the ledger comes to balance with exactly these calls seen and none open, in the time it is given."""
    deadline = time.monotonic() + SETTLE
    while not _balanced(queries.ledger(engine, route), sent):
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK)
    return True


def _balanced(terms: Mapping[str, int], sent: int) -> bool:
    return queries.balance(terms) == 0 and terms.get(SEEN, 0) == sent and not terms.get(PENDING, 0)


def booked(engine: Engine, route: str, stage: str) -> Rollup:
    """The route's sums in a stage. Raises StoreDown."""
    return total([sums for (_, where), sums in queries.traffic(engine, route).items() if where == stage])


def confusions(engine: Engine, route: str, field: str) -> Sequence[tuple[Any, Any, int]]:
    """(incumbent, candidate, records) where they disagree on a field in stage shadow. Raises StoreDown."""
    shadow = [one.id for one in epochs(engine, route) if one.step.startswith("shadow ")]
    return [pair for number in shadow for pair in queries.confusions(engine, route, field, number)]
