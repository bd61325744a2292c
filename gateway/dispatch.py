"""Runs decisions: has calls answered, falls back, and hands what was seen to the observer. The heart of the gateway.

Where the incumbent answers, nothing is decoded and nothing waits: its bytes go back and one frame goes to the pipe.
"""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from types import MappingProxyType
from typing import Any

from gateway.afterwards import Afterwards
from gateway.burials import Burials
from gateway.contract import (
    Answer,
    By,
    Call,
    Decision,
    Denied,
    Failed,
    IncumbentFailed,
    IncumbentUnreachable,
    Made,
    ModelChanged,
    ModelTimeout,
    ModelUnavailable,
    Raw,
    Refusal,
    Relayed,
    Stage,
    Told,
    Undecodable,
    UnderstudyError,
    Unencodable,
    Unmappable,
    Values,
)
from gateway.cutover import Caps, decide
from gateway.kept import Kept, persons
from gateway.load import Load
from gateway.mapping import Canonical
from gateway.once import Once
from gateway.pipe import Pipe
from gateway.store.dead import Burial
from gateway.store.model import NOTICED
from gateway.table import Bound, Table
from gateway.telemetry import Meters
from gateway.turn import Turn, sighting, unobservable, unwatched, unwitnessed


class Dispatch:
    """The Gateway that adapters see."""

    def __init__(
        self, table: Table, pipe: Pipe, meters: Meters, once: Once, kept: Kept, burials: Burials
    ) -> None:  # fmt: skip
        self.table = table
        self.caps = Caps()
        self._pipe = pipe
        self._meters = meters
        self._once = once
        self._kept = kept
        self._burials = burials
        self._loads: dict[str, Load] = {}
        self._afterwards = Afterwards(pipe, self._relay)

    def decide(self, source: str, operation: str, key: str | None) -> Decision | None:
        """Who answers a call with this canonical key; None where the operation has no route."""
        table = self.table
        bound = table.find(source, operation)
        if bound is None:
            return None
        stage, percent = bound.level(self.caps)
        by, reason = decide(stage, percent, bound.route, key)
        nobody = by is By.INCUMBENT and bound.incumbent is None
        return Decision(by, stage, reason, table.version, unwatched(stage, bound.settings) is None, nobody)

    def route(self, source: str, operation: str) -> str:
        """The name of an operation's route; see the contract."""
        bound = self.table.find(source, operation)
        return bound.route if bound else ""

    def foresee(self, call: Call) -> Decision | None:
        """Who would answer this call now; see the contract."""
        turn = self._turn(call, self.table, None)
        if turn is None:
            return None
        by = By.INCUMBENT if turn.by is By.CANDIDATE and self._falls_back(turn) else turn.by
        return Decision(by, turn.stage, turn.reason, turn.version, unwatched(turn.stage, turn.bound.settings) is None)

    async def answer(self, calls: Sequence[Call], told: Told | None = None) -> Sequence[Answer]:
        """The answers, aligned with the calls, each within its deadline. Never raises for a call's own failure.

        `told` hears of each as soon as it is there."""
        table = self.table
        turns = [self._turn(call, table, told) or self._unrouted(call, told) for call in calls]
        work: list[Coroutine[Any, Any, None]] = []
        groups: dict[int, list[Turn]] = {}
        for turn in turns:
            if isinstance(turn, Failed):
                continue
            if turn.by is By.INCUMBENT:
                work.append(self._relayed(turn, math.inf))
            elif (group := groups.get(id(turn.bound))) is not None:
                group.append(turn)
            else:
                groups[id(turn.bound)] = group = [turn]
                work.append(self._perform(group))
        if len(work) == 1:
            await work[0]
        else:
            await asyncio.gather(*work)
        return [turn if isinstance(turn, Failed) else turn.answered for turn in turns]

    async def witness(self, call: Call, answer: Relayed | None) -> None:
        """Hands a call over whose incumbent answers elsewhere; see the contract."""
        if (bound := self.table.find(call.source, call.operation)) is None:
            self._meters.passed(call.source, call.operation, "no_route")
            return
        turn = Turn(call, bound, bound.stage(self.caps), By.INCUMBENT, "witness", self.table.version)
        if (term := unwitnessed(turn)) is not None:
            if answer is None:  # a call is counted once, when it is first seen
                self._pipe.count(bound.route, term)
            return
        turn.incumbent = answer.raw if answer else None
        self._pipe.hand(sighting(turn, "answered" if answer else "opened"))

    async def waiting(self, source: str, operation: str, after: str) -> Sequence[str]:
        """Locators of witnessed calls without an answer; see the contract. Raises NotKept."""
        bound = self.table.find(source, operation)
        return await self._kept.waiting(bound.route, f"{source}/{operation}", after) if bound else ()

    def noticed(self, source: str, operation: str, word: str) -> None:
        """Counts something that happened to an answer; see the contract."""
        self._meters.happened(source, operation, word, 1)
        if bound := self.table.find(source, operation):
            self._pipe.count(bound.route, f"{NOTICED}:{word}")

    def passed(self, source: str, operation: str, reason: str) -> None:
        """Counts a call that the adapter relayed by itself, unobserved."""
        self._meters.passed(source, operation, reason)
        if bound := self.table.find(source, operation):
            self._pipe.count(bound.route, f"not_observable:{reason}")

    def repeated(self, call: Call, raw: Raw) -> None:
        """Shows the observer a call that gets an answer which was given before; see the contract."""
        if bound := self.table.find(call.source, call.operation):
            turn = Turn(call, bound, bound.stage(self.caps), By.CANDIDATE, "repeated", self.table.version)
            turn.answer = Made(raw, Values({}), "")
            if self._observed(turn):
                self._pipe.hand(sighting(turn, "call"))

    def handed_over(self, then: Callable[[], None], patience: float) -> None:
        """Calls `then` once what answered calls leave for the observer outlives this process; see the contract."""
        self._pipe.after(then, patience)

    async def once(self, scope: str, token: bytes, ttl: float) -> bool:
        """Whether this token was not seen in this scope for `ttl` seconds; see the contract."""
        return await self._once.first(scope, token, ttl)

    async def finish(self) -> None:
        """Returns when nothing is under way after answers that have gone."""
        await self._afterwards.finish()
        await self._burials.finish()
        self._meters.flush()

    async def keep(
        self, scope: str, values: Mapping[bytes, bytes], ttl: float, calls: Mapping[bytes, Call] = MappingProxyType({})
    ) -> Mapping[bytes, bytes]:
        """Keeps values by token; see the contract. Raises NotKept."""
        found = {token: persons(self.table.find(call.source, call.operation), call) for token, call in calls.items()}
        return await self._kept.keep(scope, values, ttl, found)

    async def kept(self, scope: str, tokens: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The values that stand under these tokens. Raises NotKept."""
        return await self._kept.kept(scope, tokens)

    def buried(self, source: str, operation: str, letter: str, reason: str) -> None:
        """Notes that a message was put aside; see the contract."""
        self._burials.add(Burial(source, operation, letter, reason, datetime.now(UTC)))

    def count(self, source: str, operation: str, event: str, amount: int = 1) -> None:
        """Counts what happens in an adapter."""
        self._meters.happened(source, operation, event, amount)

    def level(self, source: str, operation: str, name: str, value: float) -> None:
        """Sets how much of something an adapter has now."""
        self._meters.level(source, operation, name, value)

    def _unrouted(self, call: Call, told: Told | None) -> Failed:
        """A reload may take a route away between a source's decide() and its answer(), or while a message waits."""
        self._meters.passed(call.source, call.operation, "no_route")
        failed = Failed(IncumbentUnreachable(f"{call.source}/{call.operation} has no route", asked=False))
        if told:
            told(call, failed)
        return failed

    def _turn(self, call: Call, table: Table, told: Told | None) -> Turn | None:
        """Who answers the call; None where it has no route."""
        bound = table.find(call.source, call.operation)
        if bound is None:
            return None
        stage, percent = bound.level(self.caps)
        if stage < Stage.CANARY:
            return Turn(call, bound, stage, By.INCUMBENT, str(stage), table.version, told)
        key = self._key(call, bound) if stage is Stage.CANARY else None
        by, reason = decide(stage, percent, bound.route, key)
        turn = Turn(call, bound, stage, by, reason, table.version, told)
        if by is By.CANDIDATE:
            self._read(turn)
        return turn

    @staticmethod
    def _key(call: Call, bound: Bound) -> str | None:
        try:
            return bound.mapping.key(call.payload)
        except Undecodable:
            return None

    def _read(self, turn: Turn) -> None:
        """Maps the call's records, notes why the candidate cannot be asked, keeps a segment with the incumbent."""
        bound = turn.bound
        try:
            turn.records = bound.mapping.requests(turn.call.payload)
        except (Undecodable, Unmappable) as error:
            turn.error = error
        if bound.incumbent and bound.rules.kept(turn.records):
            turn.by, turn.reason = By.INCUMBENT, "kept"

    def _load(self, bound: Bound) -> Load:
        if (load := self._loads.get(bound.route)) is None:
            load = self._loads[bound.route] = Load()
        return load

    async def _relayed(self, turn: Turn, timeout: float) -> None:
        """Has the incumbent answer; that is the turn's end."""
        await self._relay(turn, timeout)
        self._done(turn)

    async def _relay(self, turn: Turn, timeout: float) -> None:
        """Has the incumbent answer, once."""
        if turn.bound.incumbent is None:
            why = f"route {turn.bound.route} has nobody to answer in stage {turn.stage}"
            turn.answer = Failed(IncumbentUnreachable(why, asked=False))
            return
        started = time.monotonic()
        try:
            turn.incumbent = await turn.bound.incumbent.call(turn.call, timeout)
            turn.answer = Relayed(turn.incumbent)
        except (IncumbentFailed, Undecodable, Unmappable) as error:  # one of another protocol must read the message
            turn.answer = Failed(error)
        turn.incumbent_ms = (time.monotonic() - started) * 1000
        if isinstance(turn.answer, Relayed):  # that nobody is there is found out quickly: no time for an answer
            self._load(turn.bound).incumbent_took(turn.incumbent_ms / 1000)

    async def _perform(self, turns: Sequence[Turn]) -> None:
        """Has the candidate answer turns of one bound source; whom it leaves without an answer falls back."""
        if turns[0].bound.settings.answer.base == "incumbent":
            scoring = asyncio.ensure_future(self._score(turns))
            try:
                await asyncio.gather(*(self._amend(turn, scoring) for turn in turns))
            finally:
                scoring.cancel()
            return
        turns = await self._admitted(turns)
        await self._score(turns)
        left = []
        for turn in turns:
            if self._settle(turn, self._encoded):
                self._done(turn)
            else:
                left.append(turn)
        if left:
            await asyncio.gather(*(self._fall_back(turn) for turn in left))

    async def _amend(self, turn: Turn, scoring: "asyncio.Future[None]") -> None:
        """Has both sides answer at once and puts the candidate's answer into the incumbent's reply."""
        await self._relay(turn, turn.call.remaining())
        await asyncio.shield(scoring)
        self._settle(turn, self._amended)
        self._done(turn)

    async def _admitted(self, turns: Sequence[Turn]) -> Sequence[Turn]:
        """The turns that the candidate may answer; all others are answered when this returns.

        Who falls back to the incumbent anyway is not checked here: the incumbent does that."""
        checked = [turn for turn in turns if turn.call.admission and not self._falls_back(turn)]
        if len(checked) == 1:
            await self._admit(checked[0])
        elif checked:
            await asyncio.gather(*map(self._admit, checked))
        return [turn for turn in turns if turn.answer is None] if checked else turns

    def _falls_back(self, turn: Turn) -> bool:
        return turn.bound.incumbent is not None and turn.error is not None and not isinstance(turn.error, Undecodable)

    async def _admit(self, turn: Turn) -> None:
        """Answers a call whose caller is denied, or about whom legacy is to be asked; leaves any other alone."""
        try:
            if turn.call.admission is None or await turn.call.admission() is By.CANDIDATE:
                return
        except (Denied, Undecodable, IncumbentFailed) as error:
            turn.reason = f"denied:{error.reason}" if isinstance(error, Denied) else f"denied:{type(error).__name__}"
            turn.answer = Failed(error)
            self._done(turn)
        else:
            turn.by, turn.reason = By.INCUMBENT, "unproven"
            await self._relayed(turn, turn.call.remaining())

    async def _score(self, turns: Sequence[Turn]) -> None:
        """Gives each turn its canonical outcomes, or its error; one that fails costs no other its answer."""
        if not turns:
            return
        bound, load = turns[0].bound, self._load(turns[0].bound)
        full = load.candidate >= bound.settings.concurrency  # a batch is let in whole, or not at all
        ready: list[Turn] = []
        records: list[Canonical] = []
        remaining = math.inf
        for turn in turns:
            left = turn.call.remaining()
            if turn.error is None and (full or left <= 0):
                crowd, late = "too many calls are with the candidate already", "no time was left to ask the model"
                turn.error = ModelUnavailable(crowd) if full else ModelTimeout(late)
            if turn.error is None:
                ready.append(turn)
                records += turn.records
                remaining = min(remaining, left)
        if not ready or bound.candidate is None:
            return
        tag = bound.tag
        if tag != bound.settings.accept:  # since the call was decided another model has taken the accepted one's place
            for turn in ready:
                turn.error = ModelChanged(f"the model is {tag or 'away'}, which the route does not accept")
            return
        if bound.incumbent:
            remaining -= load.reserve(remaining, bound.settings.reserve)
        load.candidate += len(ready)
        started = time.monotonic()
        try:
            scored = iter(await bound.candidate.score(records, remaining))
        finally:
            load.candidate -= len(ready)
        took = (time.monotonic() - started) * 1000
        for turn in ready:
            turn.candidate_ms, turn.model = took, tag
            for outcome in islice(scored, len(turn.records)):
                if isinstance(outcome, UnderstudyError):
                    turn.error = outcome
                else:
                    turn.outcomes.append(outcome)

    def _settle(self, turn: Turn, make: Callable[[Turn, Values | Refusal], Raw]) -> bool:
        """Makes the candidate's answer of a turn; where there is none, says why and leaves the turn as it is."""
        bound = turn.bound
        try:
            if turn.error:
                raise turn.error
            outcome = bound.mapping.outgoing(turn.outcomes, turn.call.payload)
            turn.answer = Made(make(turn, outcome), outcome, turn.model)
            return True
        except UnderstudyError as error:
            turn.error = error
            turn.by, turn.reason = By.INCUMBENT, f"fallback:{type(error).__name__}"
            turn.answer = turn.answer or Failed(error)
            return False

    def _encoded(self, turn: Turn, outcome: Values | Refusal) -> Raw:
        return turn.bound.codec.encode(outcome, turn.call)

    def _amended(self, turn: Turn, _: Values | Refusal) -> Raw:
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
        if bound.incumbent and not isinstance(turn.error, Undecodable):
            if load.fallback >= bound.settings.fallback:
                turn.reason = "fallback:full"
            else:
                load.fallback += 1
                try:
                    await self._relay(turn, turn.call.remaining())
                finally:
                    load.fallback -= 1
        self._done(turn)

    def _done(self, turn: Turn) -> None:
        """Tells of a finished turn, counts it and hands it to the observer."""
        if turn.told:
            turn.told(turn.call, turn.answered)
        seconds = time.monotonic() - turn.call.started
        self._meters.answered(turn.bound.route, turn.call.source, str(turn.stage), turn.by, turn.reason, seconds)
        if self._observed(turn) and not self._afterwards.takes(turn):
            self._pipe.hand(sighting(turn, "call"))

    def _observed(self, turn: Turn) -> bool:
        """Whether the observer is shown a finished turn; else it is counted why not."""
        if (term := unobservable(turn)) is not None:
            self._pipe.count(turn.bound.route, term)
        return term is None
