"""The reference adapter: JSON messages in memory. It shows, without a network, every hard case of the later protocols:
batches, messages of many records, redelivery until acknowledged, and an incumbent that answers hours later.

Read it before writing an adapter of your own; tests/spec runs the same contract over it and over all others.
"""

import asyncio
import importlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from adapters.formats.json import Json
from gateway.contract import (
    Answer,
    Call,
    ConfigError,
    Failed,
    Gateway,
    Incumbent,
    IncumbentTimeout,
    IncumbentUnreachable,
    Opaque,
    Outcome,
    Payload,
    Raw,
    Refusal,
    Relayed,
    Stage,
    Values,
)
from gateway.contract import Path as PayloadPath
from gateway.settings import Duration, Settings

Old = Callable[[bytes], Awaitable[bytes]]
"""The old system: a request's body to a reply's."""


PAUSE = 0.05
"""Seconds before messages that nobody could answer are tried again."""

_json = Json()


class MemorySettings(Settings):
    """An adapter of type `memory`."""

    operations: list[str]
    incumbent: str | None = None
    """`module:function`, an async function from request body to reply body; absent where nobody answers."""
    answers: bool = True
    """False where the incumbent answers elsewhere, by `Memory.witnessed`."""
    batch: int = Field(100, ge=1)
    timeout: Duration = 10.0


@dataclass(slots=True, frozen=True)
class Message:
    """One message of a queue; `id` stays the same when it is delivered again."""

    id: str
    operation: str
    body: bytes


class JsonCodec:
    """JSON objects; a refusal is `{"fault": CODE, "message": TEXT, "detail": {...}}`, decimals are exact."""

    def request(self, raw: Raw) -> Payload:
        """The object. Raises Undecodable."""
        return _json.read(raw.body, raw.media)

    def reply(self, raw: Raw) -> Outcome:
        """The object, its refusal, or Opaque for what is marked as technical. Raises Undecodable."""
        found = _json.read(raw.body, raw.media)
        if "error" in found:
            return Opaque(str(found["error"]))
        if "fault" in found:
            return Refusal(str(found["fault"]), str(found.get("message", "")), found.get("detail", {}))
        return Values(found)

    def encode(self, outcome: Values | Refusal, call: Call) -> Raw:
        """The reply. Raises Unencodable."""
        if isinstance(outcome, Refusal):
            fields = {"fault": outcome.code, "message": outcome.message, "detail": outcome.detail}
            return Raw(_json.write(fields), _json.media, 200)
        return Raw(_json.write(outcome.fields), _json.media, 200)

    def amend(self, raw: Raw, changes: Mapping[PayloadPath, Any]) -> Raw:
        """The reply with values replaced and every other byte kept. Raises Unencodable."""
        return replace(raw, body=_json.amend(raw.body, changes, raw.media))


class Memory:
    """The component. Messages come by `put`; replies are found in `delivered`, in order of delivery."""

    Settings: ClassVar[type[MemorySettings]] = MemorySettings

    def __init__(self, name: str, settings: MemorySettings, folder: Path) -> None:
        """Raises ConfigError where the incumbent cannot be imported."""
        self.name = name
        self.settings = settings
        self.ceiling = Stage.LIVE if settings.answers else Stage.SHADOW
        self.delivered: list[tuple[str, Answer]] = []
        self.fail_delivery: Callable[[Message], bool] = lambda message: False
        self._waiting: OrderedDict[str, Message] = OrderedDict()
        self._arrived = asyncio.Event()
        self._codec = JsonCodec()
        self._incumbent = Function(_imported(name, settings.incumbent)) if settings.incumbent else None
        self.gateway: Gateway | None = None

    def put(self, message: Message) -> None:
        """Queues a message. The same id again is a redelivery."""
        self._waiting[message.id] = message
        self._arrived.set()

    @property
    def unacknowledged(self) -> Sequence[str]:
        """Ids of messages that are queued or under way."""
        return list(self._waiting)

    async def witnessed(self, message: Message, reply: bytes) -> None:
        """The incumbent has answered elsewhere, however much later."""
        assert self.gateway is not None, "witnessed() needs a running source"  # noqa: S101 - a misuse by a test
        raw = Raw(reply, "application/json", 200)
        await self.gateway.witness(self.call(message), Relayed(raw))

    def call(self, message: Message) -> Call:
        """The call of a message."""
        raw = Raw(message.body, "application/json")
        return Call(self.name, message.operation, raw, self._codec, timeout=self.settings.timeout, id=message.id)

    def codecs(self) -> Mapping[str, JsonCodec]:
        """By operation."""
        return dict.fromkeys(self.settings.operations, self._codec)

    def incumbent(self) -> Incumbent | None:
        """The configured function."""
        return self._incumbent

    def front(self, gateway: Gateway) -> None:
        """Nobody calls memory over HTTP."""

    def source(self, gateway: Gateway) -> "Queue":
        """The queue's reader."""
        self.gateway = gateway
        return Queue(self)

    async def probe(self) -> Sequence[str]:
        """Memory is always there."""
        return []

    def warnings(self) -> Sequence[str]:
        """Nothing here is weak."""
        return []

    async def close(self) -> None:
        """Nothing was opened."""

    async def next_batch(self, stop: asyncio.Event) -> Sequence[Message]:
        """Up to a batch of queued messages, as soon as there is one; none when stopping."""
        while not self._waiting and not stop.is_set():
            self._arrived.clear()
            ended = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._arrived.wait())]
            await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.cancel()
        return [] if stop.is_set() else list(self._waiting.values())[: self.settings.batch]

    def acknowledge(self, message: Message) -> None:
        """Forgets a message."""
        self._waiting.pop(message.id, None)


class Queue:
    """The source: takes messages in batches, has them answered, and acknowledges each once its answer is delivered."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def run(self, gateway: Gateway, stop: asyncio.Event) -> None:
        """Runs until `stop`; what is then unacknowledged would be delivered again."""
        while batch := await self._memory.next_batch(stop):
            if self._memory.settings.answers:
                await self._answer(gateway, batch)
            else:
                await self._watch(gateway, batch)

    async def _answer(self, gateway: Gateway, batch: Sequence[Message]) -> None:
        answers = await gateway.answer([self._memory.call(message) for message in batch])
        if any(_unanswered(answer) for answer in answers):
            await asyncio.sleep(PAUSE)
        for message, answer in zip(batch, answers, strict=True):
            if _unanswered(answer):
                continue  # it stays queued and is delivered again
            if not self._memory.fail_delivery(message):
                self._memory.delivered.append((message.id, answer))
                self._memory.acknowledge(message)

    async def _watch(self, gateway: Gateway, batch: Sequence[Message]) -> None:
        for message in batch:
            await gateway.witness(self._memory.call(message), None)
            self._memory.acknowledge(message)


def _unanswered(answer: Answer) -> bool:
    """Whether nobody was there to answer, so that trying again may help."""
    return isinstance(answer, Failed) and isinstance(answer.error, IncumbentUnreachable | IncumbentTimeout)


class Function:
    """An incumbent that is an async function in this process."""

    def __init__(self, function: Old) -> None:
        self._function = function

    async def call(self, call: Call, timeout: float) -> Raw:
        """Its reply. Raises IncumbentUnreachable for an OSError, IncumbentTimeout."""
        try:
            async with asyncio.timeout(timeout if timeout < 1e6 else None):
                return Raw(await self._function(call.raw.body), "application/json", 200)
        except TimeoutError as error:
            raise IncumbentTimeout("the function took too long") from error
        except OSError as error:
            raise IncumbentUnreachable(f"the function failed: {error}") from error


def _imported(adapter: str, place: str) -> Old:
    module, _, name = place.partition(":")
    try:
        found: Old = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"adapters.{adapter}.incumbent: {place} cannot be imported: {error}") from error
    return found
