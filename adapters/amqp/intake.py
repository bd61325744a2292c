"""Answers one queue: batches of what has come go to the gateway, each answer out as soon as it is there.

A request is acknowledged when its answer is confirmed by the broker, or when the worker's queue has it safe, or when
it is with the dead letters: never before. What can only be answered later is held and tried again, at growing pauses.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, cast

from adapters.amqp.broker import Broker
from adapters.amqp.channel import Lost
from adapters.amqp.codec import Codec
from adapters.amqp.config import Operation
from adapters.amqp.consumer import Delivery
from adapters.amqp.dedupe import Answers
from adapters.amqp.entry import Attempt, Entry, way
from adapters.amqp.forward import Forward
from adapters.amqp.message import BY, MODEL, digest, named, raw, remaining
from adapters.amqp.outgoing import Outgoing
from adapters.amqp.screening import Screening
from gateway.contract import (
    Answer,
    Call,
    CandidateFailed,
    Failed,
    Gateway,
    IncumbentFailed,
    IncumbentTimeout,
    Made,
    ModelTimeout,
    ModelUnavailable,
    NotKept,
    Raw,
    Relayed,
    Stage,
    Undecodable,
    Unencodable,
    Unmappable,
)

BATCH = 128
"""Requests that go to the gateway together."""
AT_ONCE = 256
"""Requests that are with the gateway at once where the candidate answers: what a route takes by default."""
TRIES = 3
"""Attempts at a request whose failure is its own, before it is put aside."""
FIRST, LONGEST = 0.1, 10.0
"""Seconds before another attempt, doubled up to the longest and varied."""
LINGER = 0.05
"""Seconds that what comes is counted in memory: writing that down is no part of an answer's time."""


class Intake:
    """The requests of one operation."""

    def __init__(
        self, operation: str, settings: Operation, codec: Codec, broker: Broker, gateway: Gateway,
        forward: Forward | None,
    ) -> None:  # fmt: skip
        self.operation = operation
        self._settings = settings
        self._codec = codec
        self._broker = broker
        self._gateway = gateway
        self._outgoing = Outgoing(operation, settings, broker, gateway, forward)
        self._screening = Screening(broker, gateway, self._outgoing)
        self._answers = Answers(broker.settings.dedupe, gateway, f"amqp/{broker.name}/{operation}")
        self._waiting: deque[Entry] = deque()
        self._later: list[Entry] = []
        self._pause = FIRST
        self._asked = 0
        self._made: list[tuple[Attempt, Made]] = []
        self._scheduled = False
        self._telling = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = 0
        self._stopped = False
        self.failed: Callable[[BaseException], None] = lambda error: None
        """Told of a defect of ours: the source ends with it, and what is held is delivered again."""

    @property
    def busy(self) -> bool:
        """Whether anything is under way that will come to an end by itself."""
        return bool(self._tasks or self._asked or self._made or self._outgoing.busy)

    def stop(self) -> None:
        """Begins nothing more: what waits goes back to the queue."""
        self._stopped = True
        self._outgoing.stop()
        for entry in (*self._waiting, *self._later):
            entry.finish()
        self._waiting.clear()
        self._later.clear()
        self._tell()

    def take(self, delivery: Delivery) -> None:
        """A request has come."""
        self._broker.budget.take(len(delivery.body))
        self._held += 1
        self._tell_soon()
        self._count("received")
        name = digest(self.operation, delivery.properties, delivery.body)
        entry = Entry(delivery, way(self._settings, delivery), name, self._freed)
        self._waiting.append(entry)
        self._wake()

    # Batches.

    def _wake(self) -> None:
        """Begins with what waits once all that has come together is there."""
        if self._waiting and not self._scheduled and not self._stopped:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._scheduled = False
        room = self._room()
        while self._waiting and room > 0 and not self._stopped:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, room, len(self._waiting)))]
            room -= len(batch)
            self._asked += len(batch)
            self._task(self._answer(batch))

    def _room(self) -> int:
        decision = self._gateway.decide(self._broker.name, self.operation, None)
        answering = decision is not None and decision.stage > Stage.SHADOW
        return (AT_ONCE if answering else self._broker.settings.prefetch) - self._asked

    async def _answer(self, batch: Sequence[Entry]) -> None:
        """Has a batch answered; each of it is off `_asked` when this has ended."""
        decision = self._gateway.decide(self._broker.name, self.operation, None)
        try:
            ready = await self._screening.passed(batch, decision and decision.stage)
            if decision is None:
                self._defer(ready)
                ready = []
            elif ready and decision.stage > Stage.SHADOW:
                ready = await self._without_known(ready)
        except (NotKept, Lost):
            self._asked -= len(batch)
            self._defer([entry for entry in batch if not (entry.finished or entry.leaving)])
            return
        self._asked -= len(batch) - len(ready)
        if ready:
            await self._gateway.answer([self._attempt(entry) for entry in ready], self._told)
        self._wake()

    async def _without_known(self, ready: Sequence[Entry]) -> list[Entry]:
        """Without what was answered before: that gets the same answer. Raises NotKept."""
        known = await self._answers.found([entry.name for entry in ready if named(entry.delivery)])
        for entry in ready:
            if entry.name in known and named(entry.delivery):
                self._count("repeated")
                self._gateway.repeated(self._attempt(entry), known[entry.name])
                self._outgoing.reply(entry, known[entry.name], {BY: "candidate"})
        return [entry for entry in ready if entry.name not in known or not named(entry.delivery)]

    def _attempt(self, entry: Entry) -> Attempt:
        left = remaining(entry.delivery, self._broker.settings.age == "timestamp")
        timeout = self._broker.settings.timeout if left is None else min(left, self._broker.settings.timeout)
        id = entry.name[:12].hex() if named(entry.delivery) else ""
        made = Attempt(self._broker.name, self.operation, raw(entry.delivery), self._codec, timeout=timeout, id=id)
        made.entry, made.reply = entry, None
        return made

    # What becomes of an answer.

    def _told(self, call: Call, answer: Answer) -> None:
        attempt = cast(Attempt, call)
        self._asked -= 1
        self._wake()
        if isinstance(answer, Made):
            if not self._made:
                self._task(self._keep_and_send())
            self._made.append((attempt, answer))
        elif attempt.reply is not None:
            self._outgoing.relay(attempt, attempt.reply)
        elif isinstance(answer, Relayed):
            self._answered_elsewhere(attempt.entry, answer)
        else:
            self._failed(attempt.entry, answer)

    async def _keep_and_send(self) -> None:
        """Sends the answers that have come together, in the order of their requests."""
        made, self._made = self._made, []
        calls = {attempt.entry.name: attempt for attempt, _ in made if named(attempt.entry.delivery)}
        given = {attempt.entry.name: answer.raw for attempt, answer in made if attempt.entry.name in calls}
        try:
            standing: Mapping[bytes, Raw] = await self._answers.keep(given, calls) if given else {}
        except NotKept:
            self._defer([attempt.entry for attempt, _ in made])
            return
        self._pause = FIRST
        for attempt, answer in made:
            body = standing.get(attempt.entry.name, answer.raw)
            if attempt.reply is None:
                self._outgoing.reply(attempt.entry, body, {BY: "candidate", MODEL: answer.model})
            else:
                self._outgoing.relay(attempt, attempt.reply, body.body)

    def _answered_elsewhere(self, entry: Entry, answer: Relayed) -> None:
        """An answer that is no message: the worker gives none, or the incumbent speaks another protocol."""
        if entry.delivery.acknowledged or entry.way is None:
            entry.end()
        else:
            self._outgoing.reply(entry, answer.raw, {BY: "incumbent"})

    def _failed(self, entry: Entry, answer: Failed) -> None:
        error = answer.error
        self._count(f"failed:{type(error).__name__}")
        unreadable = isinstance(error, Undecodable | Unmappable | Unencodable)
        own = isinstance(error, CandidateFailed) and not isinstance(error, ModelUnavailable | ModelTimeout)
        entry.tries += own or type(error) is IncumbentFailed
        if entry.delivery.acknowledged:
            entry.finish()  # the worker's queue has it: its reply is relayed whenever it comes
        elif unreadable and self._outgoing.forward:
            self._outgoing.pass_on(entry, "")
        elif unreadable or isinstance(error, IncumbentTimeout) or entry.tries >= TRIES:
            self._outgoing.bury(entry, f"{type(error).__name__}: {error}")
        else:
            self._defer([entry])

    # What has to wait.

    def _defer(self, entries: Sequence[Entry]) -> None:
        """Tries these again after a pause. They stay unacknowledged: should this process die, another gets them."""
        if self._stopped:
            for entry in entries:
                entry.finish()
            return
        if not self._later and entries:
            asyncio.get_running_loop().call_later(self._longer(), self._resume)
        self._later.extend(entries)

    def _resume(self) -> None:
        later, self._later = self._later, []
        self._waiting.extendleft(reversed(later))
        self._wake()

    def _longer(self) -> float:
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST)
        return pause * random.uniform(0.5, 1)  # noqa: S311 - jitter, nothing secret

    def _count(self, event: str) -> None:
        self._gateway.count(self._broker.name, self.operation, event)

    def _freed(self, entry: Entry) -> None:
        self._held -= 1
        self._broker.budget.free(len(entry.delivery.body))
        self._tell_soon()

    def _tell_soon(self) -> None:
        if not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_later(LINGER, self._tell)

    def _tell(self) -> None:
        self._telling = False
        self._gateway.level(self._broker.name, self.operation, "held", self._held)

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.failed(error)
