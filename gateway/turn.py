"""One call while it is being answered, and what of it the observer is shown."""

import random
import time
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.config import Route
from gateway.contract import Answer, By, Call, Failed, Made, Raw, Refusal, Stage, Told, UnderstudyError, Values
from gateway.cutover import in_cohort
from gateway.mapping import Canonical
from gateway.pipe import Kind, Sighting
from gateway.table import Bound


@dataclass(slots=True)
class Turn:
    """One call while it is being answered."""

    call: Call
    bound: Bound
    stage: Stage
    by: By
    reason: str
    version: str
    told: Told | None = None
    answer: Answer | None = None
    outcomes: list[Values | Refusal] = field(default_factory=list)
    incumbent: Raw | None = None
    incumbent_ms: float | None = None
    candidate_ms: float | None = None
    model: str = ""
    """The tag of the model that was asked."""
    records: list[Canonical] = field(default_factory=list)
    error: UnderstudyError | None = None
    """Why the candidate cannot be asked."""

    @property
    def answered(self) -> Answer:
        """The answer of a turn that has ended: every way through the dispatch sets one."""
        assert self.answer is not None  # noqa: S101 - see above
        return self.answer


def unobservable(turn: Turn) -> str | None:
    """The ledger's term of an answered call that the observer is not shown; None where it is."""
    settings = turn.bound.settings
    if isinstance(turn.answer, Failed):
        return f"not_observable:{type(turn.answer.error).__name__}"
    if (term := unwatched(turn.stage, turn.bound.settings)) is not None:
        return term
    if turn.by is By.CANDIDATE:
        return None
    if turn.incumbent and turn.incumbent.rest:
        return "not_observable:too_large"
    if settings.sample < 1 and random.random() >= settings.sample:  # noqa: S311 - sampling, nothing secret
        return "sampled_out"
    return None


def unwitnessed(turn: Turn) -> str | None:
    """The same of a call whose incumbent answers elsewhere; alike for the call and, later, for its answer."""
    if (term := unwatched(turn.stage, turn.bound.settings)) is not None:
        return term
    sampled = in_cohort("sample", turn.call.id, Decimal(str(turn.bound.settings.sample * 100)))
    return None if sampled else "sampled_out"


def unwatched(stage: Stage, settings: Route) -> str | None:
    """The term of any call that the incumbent answers in this stage, where the observer wants to see none."""
    if stage is Stage.OFF and settings.observe != "record":
        return "not_observable:off"
    return "not_observable:disabled" if settings.observe == "none" else None


def sighting(turn: Turn, kind: Kind) -> Sighting:
    """What the observer is shown of a turn."""
    call = turn.call
    made = turn.answer if isinstance(turn.answer, Made) else None
    return Sighting(
        call.raw, turn.incumbent, made.raw if made else None, kind, turn.bound.route, call.source, call.operation,
        call.id, call.received, str(turn.stage), turn.by, turn.reason, turn.version, made.model if made else "",
        turn.incumbent_ms, turn.candidate_ms, (time.monotonic() - call.started) * 1000,
        call.locator,
    )  # fmt: skip
