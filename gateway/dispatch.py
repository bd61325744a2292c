"""Runs decisions: has calls answered, falls back, and hands what was seen to the observer. The heart of the gateway.

Where the incumbent answers, nothing is decoded and nothing waits: its bytes go back and one frame goes to the pipe.
"""

import asyncio
import math
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.contract import (
    Answer,
    By,
    Call,
    CandidateFailed,
    Decision,
    Failed,
    IncumbentFailed,
    Made,
    Raw,
    Refusal,
    Relayed,
    Stage,
    Undecodable,
    UnderstudyError,
    Unencodable,
    Unmappable,
    Values,
)
from gateway.cutover import Caps, decide
from gateway.load import Load
from gateway.mapping import Canonical
from gateway.pipe import Kind, Pipe, Sighting
from gateway.table import Bound, Table
from gateway.telemetry import Meters

OBSERVING = 64
"""Calls for which the incumbent is asked after the answer, at once in a worker."""


@dataclass(slots=True)
class Turn:
    """One call while it is being answered."""

    call: Call
    bound: Bound
    stage: Stage
    by: By
    reason: str
    version: str
    answer: Answer | None = None
    outcomes: list[Values | Refusal] = field(default_factory=list)
    incumbent: Raw | None = None
    incumbent_ms: float | None = None
    candidate_ms: float | None = None
    records: list[Canonical] = field(default_factory=list)
    error: UnderstudyError | None = None
    """Why the candidate cannot be asked."""


class Dispatch:
    """The Gateway that adapters see."""

    def __init__(self, table: Table, pipe: Pipe, meters: Meters) -> None:
        self.table = table
        self.caps = Caps()
        self._pipe = pipe
        self._meters = meters
        self._loads: dict[str, Load] = {}
        self._observing: set[asyncio.Task[None]] = set()

    def decide(self, source: str, operation: str, key: str | None) -> Decision | None:
        """Who answers a call with this canonical key; None where the operation has no route."""
        table = self.table
        bound = table.find(source, operation)
        if bound is None:
            return None
        stage = bound.stage(self.caps)
        by, reason = decide(stage, bound.settings.percent, bound.route, key)
        return Decision(by, stage, reason, table.version)

    async def answer(self, calls: Sequence[Call]) -> Sequence[Answer]:
        """The answers, aligned with the calls, each within its deadline. Never raises for a call's own failure."""
        table = self.table
        turns = [self._turn(call, table) for call in calls]
        work: list[Coroutine[Any, Any, None]] = []
        groups: dict[int, list[Turn]] = {}
        for turn in turns:
            if turn.by is By.INCUMBENT:
                work.append(self._relay(turn, math.inf))
            else:
                groups.setdefault(id(turn.bound), []).append(turn)
        work.extend(self._perform(group) for group in groups.values())
        if len(work) == 1:
            await work[0]
        else:
            await asyncio.gather(*work)
        return [self._done(turn) for turn in turns]

    async def witness(self, call: Call, answer: Relayed | None) -> None:
        """Hands a call over whose incumbent answers elsewhere; see the contract."""
        if (bound := self.table.find(call.source, call.operation)) is None:
            self._meters.passed(call.source, call.operation, "no_route")
            return
        turn = Turn(call, bound, bound.stage(self.caps), By.INCUMBENT, "witness", self.table.version)
        turn.incumbent = answer.raw if answer else None
        self._pipe.hand(self._sighting(turn, "answered" if answer else "opened"))

    def passed(self, source: str, operation: str, reason: str) -> None:
        """Counts a call that the adapter relayed by itself, unobserved."""
        self._meters.passed(source, operation, reason)
        if bound := self.table.find(source, operation):
            self._pipe.count(bound.route, f"not_observable:{reason}")

    async def finish(self) -> None:
        """Returns when nothing is under way after answers that have gone."""
        await asyncio.gather(*self._observing, return_exceptions=True)

    def _turn(self, call: Call, table: Table) -> Turn:
        bound = table.find(call.source, call.operation)
        if bound is None:
            raise LookupError(f"{call.source}/{call.operation} has no route: ask decide() first")
        stage = bound.stage(self.caps)
        if stage < Stage.CANARY:
            return Turn(call, bound, stage, By.INCUMBENT, str(stage), table.version)
        try:
            key = bound.mapping.key(call.payload)
        except Undecodable:
            key = None
        by, reason = decide(stage, bound.settings.percent, bound.route, key)
        turn = Turn(call, bound, stage, by, reason, table.version)
        if by is By.CANDIDATE:
            self._read(turn)
        return turn

    def _read(self, turn: Turn) -> None:
        """Maps the call's records, notes why the candidate cannot be asked, keeps a segment with the incumbent."""
        bound = turn.bound
        try:
            turn.records = bound.mapping.requests(turn.call.payload)
        except (Undecodable, Unmappable) as error:
            turn.error = error
        if bound.incumbent and any(bound.rules.kept(record) for record in turn.records):
            turn.by, turn.reason = By.INCUMBENT, "kept"
        elif self._load(bound).candidate >= bound.settings.concurrency:
            turn.error = CandidateFailed("too many calls are with the candidate already")

    def _load(self, bound: Bound) -> Load:
        return self._loads.setdefault(bound.route, Load())

    async def _relay(self, turn: Turn, timeout: float) -> None:
        """Has the incumbent answer, once."""
        if turn.bound.incumbent is None:
            turn.answer = Failed(
                IncumbentFailed(f"route {turn.bound.route} has nobody to answer in stage {turn.stage}")
            )
            return
        started = time.monotonic()
        try:
            turn.incumbent = await turn.bound.incumbent.call(turn.call, timeout)
            turn.answer = Relayed(turn.incumbent)
        except IncumbentFailed as error:
            turn.answer = Failed(error)
        turn.incumbent_ms = (time.monotonic() - started) * 1000
        self._load(turn.bound).incumbent_took(turn.incumbent_ms / 1000)

    async def _perform(self, turns: Sequence[Turn]) -> None:
        """Has the candidate answer turns of one bound source; whom it leaves without an answer falls back."""
        if turns[0].bound.settings.answer.base == "incumbent":
            relays = asyncio.gather(*(self._relay(turn, turn.call.remaining()) for turn in turns))
            await self._score(turns)
            await relays
            for turn in turns:
                self._settle(turn, self._amended)
            return
        await self._score(turns)
        left = [turn for turn in turns if not self._settle(turn, self._encoded)]
        if left:
            await asyncio.gather(*(self._fall_back(turn) for turn in left))

    async def _score(self, turns: Sequence[Turn]) -> None:
        """Gives each turn its canonical outcomes, or its error; one that fails costs no other its answer."""
        bound, load = turns[0].bound, self._load(turns[0].bound)
        ready = [turn for turn in turns if turn.error is None]
        if not ready or bound.candidate is None:
            return
        remaining = min(turn.call.remaining() for turn in ready)
        if bound.incumbent:
            remaining -= load.reserve(remaining, bound.settings.reserve)
        load.candidate += len(ready)
        started = time.monotonic()
        try:
            scored = iter(await bound.candidate.score([r for turn in ready for r in turn.records], remaining))
        finally:
            load.candidate -= len(ready)
        took = (time.monotonic() - started) * 1000
        for turn in ready:
            turn.candidate_ms = took
            for outcome in [next(scored) for _ in turn.records]:
                if isinstance(outcome, UnderstudyError):
                    turn.error = outcome
                else:
                    turn.outcomes.append(outcome)

    def _settle(self, turn: Turn, make: Callable[[Turn], Raw]) -> bool:
        """Makes the candidate's answer of a turn; where there is none, says why and leaves the turn as it is."""
        bound = turn.bound
        try:
            if turn.error:
                raise turn.error
            raw = make(turn)
            turn.answer = Made(raw, bound.mapping.outgoing(turn.outcomes, turn.call.payload), bound.tag)
            return True
        except UnderstudyError as error:
            turn.error = error
            turn.by, turn.reason = By.INCUMBENT, f"fallback:{type(error).__name__}"
            turn.answer = turn.answer or Failed(error)
            return False

    def _encoded(self, turn: Turn) -> Raw:
        return turn.bound.codec.encode(turn.bound.mapping.outgoing(turn.outcomes, turn.call.payload), turn.call)

    def _amended(self, turn: Turn) -> Raw:
        if turn.incumbent is None or turn.incumbent.rest:
            raise Unencodable("the incumbent's reply is missing, or too large to be amended")
        values = [outcome for outcome in turn.outcomes if isinstance(outcome, Values)]
        if len(values) < len(turn.outcomes):
            raise Unencodable("a refusal cannot be put into the incumbent's reply")
        return turn.bound.codec.amend(turn.incumbent, turn.bound.mapping.changes(values))

    async def _fall_back(self, turn: Turn) -> None:
        """Has the incumbent answer what the candidate could not, as far as legacy can take it.

        What cannot be read is the caller's fault, not the candidate's: no fallback, so that nonsense gets an error."""
        bound, load = turn.bound, self._load(turn.bound)
        if bound.incumbent is None or isinstance(turn.error, Undecodable):
            return
        if load.fallback >= bound.settings.fallback:
            turn.reason = "fallback:full"
            return
        load.fallback += 1
        try:
            await self._relay(turn, turn.call.remaining())
        finally:
            load.fallback -= 1

    def _done(self, turn: Turn) -> Answer:
        """Counts a finished turn and hands it to the observer."""
        assert turn.answer is not None  # noqa: S101 - every way above sets it
        seconds = time.monotonic() - turn.call.started
        self._meters.answered(turn.bound.route, turn.call.source, str(turn.stage), turn.by, turn.reason, seconds)
        if (term := self._unobservable(turn)) is not None:
            self._pipe.count(turn.bound.route, term)
        elif isinstance(turn.answer, Made) and turn.incumbent is None and self._asks_incumbent(turn):
            task = asyncio.ensure_future(self._observe_incumbent(turn))
            self._observing.add(task)
            task.add_done_callback(self._observing.discard)
        else:
            self._pipe.hand(self._sighting(turn, "call"))
        return turn.answer

    def _unobservable(self, turn: Turn) -> str | None:
        """The ledger's term of a call that the observer is not shown; None where it is."""
        settings = turn.bound.settings
        if isinstance(turn.answer, Failed):
            return f"not_observable:{type(turn.answer.error).__name__}"
        if turn.stage is Stage.OFF and settings.observe != "record":
            return "not_observable:off"
        if turn.by is By.CANDIDATE:
            return None
        if settings.observe == "none":
            return "not_observable:disabled"
        if turn.incumbent and turn.incumbent.rest:
            return "not_observable:too_large"
        if settings.sample < 1 and random.random() >= settings.sample:  # noqa: S311 - sampling, nothing secret
            return "sampled_out"
        return None

    def _asks_incumbent(self, turn: Turn) -> bool:
        settings = turn.bound.settings
        return (
            turn.bound.incumbent is not None
            and settings.effects == "none"
            and len(self._observing) < OBSERVING
            and random.random() < settings.observe_incumbent  # noqa: S311 - sampling, nothing secret
        )

    async def _observe_incumbent(self, turn: Turn) -> None:
        """Asks the incumbent too, after the candidate's answer has gone; what comes is only compared."""
        made = turn.answer
        await self._relay(turn, math.inf)
        turn.answer = made
        self._pipe.hand(self._sighting(turn, "call"))

    def _sighting(self, turn: Turn, kind: Kind) -> Sighting:
        call = turn.call
        made = turn.answer if isinstance(turn.answer, Made) else None
        return Sighting(
            call.raw, turn.incumbent, made.raw if made else None, kind, turn.bound.route, call.source, call.operation,
            call.id, call.received, str(turn.stage), turn.by, turn.reason, turn.version, made.model if made else "",
            turn.incumbent_ms, turn.candidate_ms, (time.monotonic() - call.started) * 1000,
        )  # fmt: skip
