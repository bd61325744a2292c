"""What the core offers its adapters and models, and what it asks of them. Standard library only.

Words (see docs/architecture.md): the *incumbent* answers today, the *candidate* learns the part, a *route* has
one stage, a *source* is an adapter plus operation that brings calls.

Errors, all of them ours; third-party exceptions are translated where they arise::

    UnderstudyError
    ├── ConfigError            the operator must change the configuration; names the YAML path and line
    ├── Undecodable            the message cannot be read as the source's contract says
    ├── Unmappable             it can be read, but a field cannot be mapped; names the field
    ├── Unencodable            an answer cannot be written in the source's contract
    ├── Denied                 the caller may not have the candidate's answer
    ├── CandidateFailed        the candidate has no answer
    │   ├── ModelUnavailable   no connection, a dead or overloaded model
    │   │   └── ModelChanged   another model answers where this one was connected
    │   ├── ModelTimeout       no prediction within the time it was given
    │   └── BadPrediction      a prediction outside the model's own schema: not finite, out of range, unknown class
    ├── IncumbentFailed        the incumbent has no answer
    │   ├── IncumbentUnreachable
    │   └── IncumbentTimeout
    ├── NotKept                a value that must be durable before going on is not, or cannot be looked up
    └── Unfinished             what an operator asked of an adapter was not done, or not whole; names what to do
"""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable


class UnderstudyError(Exception):
    """Root of every error that this project raises on purpose."""


class ConfigError(UnderstudyError):
    """The operator must change the configuration. `problems` has one full sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Undecodable(UnderstudyError):
    """The message cannot be read as the source's contract says. `reason` is a short word to count by."""

    def __init__(self, message: str, reason: str = "malformed") -> None:
        super().__init__(message)
        self.reason = reason


class Unmappable(UnderstudyError):
    """A field of a readable message cannot be mapped."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class Unencodable(UnderstudyError):
    """An answer cannot be written in the source's contract."""


class Denied(UnderstudyError):
    """The caller may not have the candidate's answer. `reason` is a short word to count by, `raw` what it is told."""

    def __init__(self, message: str, reason: str, raw: "Raw") -> None:
        super().__init__(message)
        self.reason = reason
        self.raw = raw


class CandidateFailed(UnderstudyError):
    """The candidate has no answer."""


class ModelUnavailable(CandidateFailed):
    """No connection, a dead or overloaded model."""


class ModelChanged(ModelUnavailable):
    """Another model answers where this one was connected: it has to be connected anew, under its own tag."""


class ModelTimeout(CandidateFailed):
    """No prediction within the time it was given."""


class BadPrediction(CandidateFailed):
    """A prediction outside the model's own schema."""


class IncumbentFailed(UnderstudyError):
    """The incumbent has no answer. `asked` is false where the call surely never reached it."""

    def __init__(self, message: str, *, asked: bool = True) -> None:
        super().__init__(message)
        self.asked = asked


class IncumbentUnreachable(IncumbentFailed):
    """No connection to the incumbent, or it was lost before a whole answer came."""


class IncumbentTimeout(IncumbentFailed):
    """No answer of the incumbent within its time."""


class NotKept(UnderstudyError):
    """A value that must be durable before going on is not, or cannot be looked up: the store does not answer."""


class Unfinished(UnderstudyError):
    """What an operator asked of an adapter was not done, or not whole; says what keeps it and what to do."""


class Stage(IntEnum):
    """What the candidate of a route may do; ordered, so that the stage in force is the lowest of several."""

    OFF = 0
    SHADOW = 1
    CANARY = 2
    LIVE = 3

    def __str__(self) -> str:
        return _STAGES[self]


_STAGES = tuple(stage.name.lower() for stage in Stage)


class By(StrEnum):
    """Who answers a call."""

    INCUMBENT = "incumbent"
    CANDIDATE = "candidate"


Payload = Mapping[str, Any]
"""A decoded message in the source's own names: nested mappings, lists and scalars (str, int, Decimal, float, bool,
bytes, date, datetime, time). Absent is a missing key, nil is None, empty is "". XML attributes are keys `@name`,
the text of an element that also has attributes is `#text`."""

Path = tuple[str | int, ...]
"""Where a value stands in a payload: names, and indices into lists."""


@dataclass(slots=True)
class Raw:
    """A message as it came or goes, never changed. A codec reads `body`, `media` and `status` only.

    `media` is the content type with its parameters; `status` the status of a reply, 0 where a protocol has none;
    `headers` the protocol's own metadata in order of arrival. Where a relayed reply is larger than can be decoded,
    `body` is its beginning and `rest` streams what follows; such an answer is relayed and not observed.
    """

    body: bytes
    media: str = ""
    status: int = 0
    headers: Sequence[tuple[bytes, bytes]] = ()
    rest: AsyncIterator[bytes] | None = None


@dataclass(slots=True)
class Values:
    """An answer."""

    fields: Payload


@dataclass(slots=True)
class Refusal:
    """A business refusal: a declared fault, with its name as `code` and its declared detail."""

    code: str
    message: str = ""
    detail: Payload = field(default_factory=dict)


@dataclass(slots=True)
class Opaque:
    """Something technical, kept out of agreement; `reason` is a short word to count by."""

    reason: str


Outcome = Values | Refusal | Opaque


class Codec(Protocol):
    """The pure half of one operation: bytes to values and back. No I/O; safe to hold in the observer."""

    def request(self, raw: Raw) -> Payload:
        """The decoded request. Raises Undecodable."""

    def reply(self, raw: Raw) -> Outcome:
        """The decoded answer of the incumbent; what is technical is Opaque. Raises Undecodable."""

    def encode(self, outcome: Values | Refusal, call: "Call") -> Raw:
        """The answer to `call` in its caller's format. Raises Unencodable."""

    def amend(self, raw: Raw, changes: Mapping[Path, Any]) -> Raw:
        """The incumbent's reply with the values at these paths replaced and every other byte kept.

        Raises Unencodable where a path is not in the reply: nothing is ever added."""


@runtime_checkable
class Counts(Protocol):
    """A codec that tells what it notices beside its work, for the metrics only."""

    noticed: Callable[[str], None]
    """Called with an event, a short word of the adapter's docs; does nothing until somebody sets it."""


Admission = Callable[[], Awaitable[By]]
"""Whether the candidate may answer a call whole: CANDIDATE where it may, INCUMBENT where legacy is to be asked with
the call itself. Awaited only then, since a legacy system that answers checks its callers by itself.

Raises Denied, Undecodable or IncumbentFailed, which then is the call's end."""


_PROCESS, _NUMBERS = os.urandom(8).hex(), itertools.count()
"""What the ids of calls begin with that have none of their own, and end with."""


class Call:
    """One call on its way: the raw message, when it came, and until when an answer is of use."""

    __slots__ = (
        "_codec", "_error", "_payload", "admission", "answered", "deadline", "id", "locator", "operation", "raw",
        "received", "source", "started",
    )  # fmt: skip

    def __init__(
        self, source: str, operation: str, raw: Raw, codec: Codec, *, timeout: float, id: str = "",
        received: datetime | None = None, admission: Admission | None = None, locator: str = "",
    ) -> None:  # fmt: skip
        """`timeout` in seconds from now. `id` must be the same on a redelivery of the same message. Without
        `admission` every caller is let in. `locator` is what the adapter needs to find the answer of a call that is
        witnessed: kept while the call waits, and given back by `Gateway.waiting`."""
        self.source = source
        self.operation = operation
        self.raw = raw
        self.id = id or f"{_PROCESS}{next(_NUMBERS):08x}"
        self.received = received or datetime.now(UTC)
        self.started = time.monotonic()
        self.deadline = self.started + timeout
        self.admission = admission
        self.locator = locator
        self.answered = False
        """Whether the caller has an answer: whom the core asks from then on is only observed, and must not answer."""
        self._codec = codec
        self._payload: Payload | None = None
        self._error: Undecodable | None = None

    @property
    def payload(self) -> Payload:
        """The decoded message, decoded on first use. Raises Undecodable, the same each time."""
        if self._payload is None:
            if self._error is None:
                try:
                    self._payload = self._codec.request(self.raw)
                    return self._payload
                except Undecodable as error:
                    self._error = error
            raise self._error
        return self._payload

    def remaining(self) -> float:
        """Seconds until the deadline, negative when it has passed."""
        return self.deadline - time.monotonic()


@dataclass(slots=True)
class Relayed:
    """The incumbent's answer as bytes. Whether it is a fault is known only after decoding, so never on the path."""

    raw: Raw


@dataclass(slots=True)
class Made:
    """The candidate's answer: encoded whole, or the incumbent's reply with fields replaced (answer base incumbent).

    `outcome` is the answer in the source's own names; `model` is the tag of the model that gave it."""

    raw: Raw
    outcome: Values | Refusal
    model: str


@dataclass(slots=True)
class Failed:
    """Nobody could answer. The adapter turns `error` into its protocol's proper failure."""

    error: UnderstudyError


Answer = Relayed | Made | Failed


class Decision(NamedTuple):
    """Who answers a call, and why; holds the version of the route table that said so."""

    by: By
    stage: Stage
    reason: str
    version: str
    observed: bool = True
    """Whether the observer wants to see a call that the incumbent answers."""
    nobody: bool = False
    """Whether it is the incumbent's, and there is none: nobody would answer."""


Told = Callable[[Call, "Answer"], None]
"""Told of a call's answer; must not wait and must not raise."""


class Gateway(Protocol):
    """What the core offers its adapters."""

    def decide(self, source: str, operation: str, key: str | None) -> Decision | None:
        """Who answers a call with this canonical key; None where the operation has no route. Pure and cheap.

        With key None: who answers a call that has no usable key."""

    def route(self, source: str, operation: str) -> str:
        """The name of the route that an operation's calls take; empty where it has none. Pure and cheap."""

    def foresee(self, call: Call) -> Decision | None:
        """Who would answer this call now, by its key and its segment; None where it has no route. Asks nobody."""

    async def answer(self, calls: Sequence[Call], told: Told | None = None) -> Sequence[Answer]:
        """The answers, aligned with the calls, each within its deadline. Never raises for a call's own failure.

        `told` hears of each answer as soon as it is there, so that in a batch a slow one keeps no other waiting."""

    async def witness(self, call: Call, answer: Relayed | None) -> None:
        """The incumbent answered elsewhere (a batch, a tap). None opens a join window that is kept in the store;
        the answer may follow hours later, from any replica, under the same call id. Returns when it is handed over,
        which may be lost and is then counted; it never waits for the candidate."""

    async def waiting(self, source: str, operation: str, after: str) -> Sequence[str]:
        """Locators of the calls that were witnessed and still have no answer, in order behind `after`: a thousand at
        most, none when there are no more. For whoever starts, and so knows of none. Raises NotKept while the store does
        not answer."""

    def noticed(self, source: str, operation: str, word: str) -> None:
        """Counts something that an adapter saw happen to a call's answer, such as `overwritten`: told beside the
        ledger as `noticed:WORD`, where a guard can read it."""

    def passed(self, source: str, operation: str, reason: str) -> None:
        """Counts a call that the adapter relayed by itself, unobserved; `reason` is a short word."""

    def repeated(self, call: Call, raw: Raw) -> None:
        """Shows the observer a call whose caller gets the candidate's answer that it was given before: should its
        record have been lost with the process that answered, it is made now; else it is counted as a duplicate."""

    def handed_over(self, then: Callable[[], None], patience: float) -> None:
        """Calls `then` once what all calls answered so far leave for the observer outlives this process: whoever
        acknowledges a call only then has a record of it. After `patience` seconds it is called all the same; with 0 at
        once, which means as much where the observer keeps up."""

    async def once(self, scope: str, token: bytes, ttl: float) -> bool:
        """Whether this token (32 bytes at most, a digest) was not seen in this scope for `ttl` seconds, over all
        workers and replicas. While the store is down, over this worker only: it never fails and never waits long."""

    async def keep(
        self, scope: str, values: Mapping[bytes, bytes], ttl: float, calls: Mapping[bytes, Call] = MappingProxyType({})
    ) -> Mapping[bytes, bytes]:
        """Keeps a value under each token (32 bytes at most, a digest) for `ttl` seconds; durable when it returns, and
        seen by all workers and replicas. The first value of a token stands: what is returned is what stands.

        `calls`, by token too, are those that values are answers to: so a person's can be erased.

        Raises NotKept, and then it is open whether they are kept."""

    async def kept(self, scope: str, tokens: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The values that stand under these tokens; none for the others. Raises NotKept."""

    def buried(self, source: str, operation: str, letter: str, reason: str) -> None:
        """Notes in the ledger of dead letters that a message was put aside, under an id that names nobody and by a
        reason without values. Nobody waits for the store: what it does not take now it is given later."""

    def count(self, source: str, operation: str, event: str, amount: int = 1) -> None:
        """Counts what happens in an adapter, for the metrics only; `event` is a short word of the adapter's docs."""

    def level(self, source: str, operation: str, name: str, value: float) -> None:
        """Sets how much of something an adapter has now, for the metrics only; summed over the workers."""


Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGI = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Front(Protocol):
    """The side of an adapter that is called over HTTP."""

    def routes(self) -> Mapping[str, ASGI]:
        """ASGI callables by exact path. A path that ends in `/*` also serves everything below it."""


class Source(Protocol):
    """The side of an adapter that fetches its calls itself: a queue, a table."""

    async def run(self, gateway: Gateway, stop: asyncio.Event) -> None:
        """Fetches calls and has them answered until `stop` is set, then returns with nothing in flight.

        A call is acknowledged only once its answer is delivered: at least once, never lost."""


class Incumbent(Protocol):
    """Who answers today."""

    async def call(self, call: Call, timeout: float) -> Raw:
        """The incumbent's own answer, byte for byte, within `timeout` seconds. Sent once, never repeated.

        Raises IncumbentUnreachable or IncumbentTimeout."""


class Adapter(Protocol):
    """One configured adapter. Construction reads files and opens no connection."""

    ceiling: Stage

    def codecs(self) -> Mapping[str, Codec]:
        """The codec of each operation that can be served."""

    def incumbent(self) -> Incumbent | None:
        """Who answers this adapter's calls today; None where nobody does."""

    def front(self, gateway: Gateway) -> Front | None:
        """The HTTP side, if there is one."""

    def source(self, gateway: Gateway) -> Source | None:
        """The fetching side, if there is one."""

    async def probe(self) -> Sequence[str]:
        """Tries every connection and says what is wrong, one sentence each; empty when all is well."""

    def warnings(self) -> Sequence[str]:
        """What is configured and weakens security, one sentence each; told at start and by `check`."""

    async def close(self) -> None:
        """Closes what was opened."""


@runtime_checkable
class Proves(Protocol):
    """An adapter that may have legacy asked with a call itself, to learn whether it lets the caller in."""

    @property
    def proves(self) -> bool:
        """Whether it does. Only its own incumbent can tell, so no other one may then answer its calls."""


Row = Mapping[str, Any]
"""The features of one record by name, JSON scalars only."""

Prediction = Mapping[str, Any]
"""The model's outputs of one record by name."""


@dataclass(slots=True)
class RowError:
    """This record could not be scored; the others of its batch were."""

    message: str


class Model(Protocol):
    """Something that scores records."""

    tag: str
    schema: Mapping[str, Any]
    """{"inputs": {name: {"type": "number" | "integer" | "text" | "boolean", "values": [...], "minimum": n,
    "maximum": n, "optional": bool}}, "outputs": {name: the same, {"type": "list", "items": {...}} or
    {"type": "record", "fields": {name: ...}}}, "data": the revision of the data it was trained on, if known, "about":
    what reports tell of it, each part optional: {"facts": {name: value}, "card": text, "training": {"inputs": {name:
    how it was spread, see models/training.py}, "outputs": ...}}}"""

    async def predict(self, rows: Sequence[Row], timeout: float) -> Sequence[Prediction | RowError]:
        """Predictions aligned with the rows, within `timeout` seconds. Raises CandidateFailed."""

    async def confirm(self) -> None:
        """Returns when the server says that it serves this very model. Raises ModelChanged where it says another, any
        other CandidateFailed where nobody can tell."""

    async def close(self) -> None:
        """Closes what was opened."""


@dataclass(slots=True, frozen=True)
class Child:
    """How the parent starts a model's own process: it is ready when `GET /readyz` on the Unix socket says 200.

    One that leaves this unanswered and does nothing for `hung_after` seconds is taken for hung and restarted."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    hung_after: float


class ModelKind(Protocol):
    """One configured model. Construction reads files and opens no connection."""

    settings: object
    """What it was configured with; equal settings mean the same model."""
    tag: str
    """Resolved: never `latest`. Empty where only the connected model can tell (a URL)."""

    def child(self, socket: str) -> Child | None:
        """The process to run on this Unix socket; None where the model lives elsewhere or in process."""

    def schema(self) -> Mapping[str, Any] | None:
        """The model's schema as far as it can be told without starting it."""

    async def connect(self, socket: str) -> Model:
        """A warmed model, ready to predict. Raises ModelUnavailable."""
