"""One specimen of every adapter for the contract tests. A new adapter joins with one line in SPECIMENS."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import gateway.examples.credit as example
from adapters.database.rows import MEDIA
from adapters.memory import Memory, Message
from gateway import assembly
from gateway.config import Loaded, parse
from gateway.contract import Adapter, Call, Codec, Raw, Refusal, Values
from gateway.contract import Path as PayloadPath
from tests.integration.wire import answering, legacy_server, ok, silent
from tests.load import envelopes
from tests.spec import broker

ADAPTER, ROUTE = "one", "route"
EXAMPLE = Path(str(example.__path__[0]))
LOANS = "http://bank.example/loans/2004/05"


class Asked(Protocol):
    """An incumbent of a test: the settings that lead to it, and how often it was asked."""

    settings: Mapping[str, Any]

    def count(self) -> int:
        """Requests that reached it."""


class Queue(Protocol):
    """The other end of an adapter that fetches its calls."""

    def put(self, id: str) -> None:
        """A caller's message, with the specimen's request."""

    def lose(self, id: str) -> None:
        """The next delivery of this one's answer fails."""

    @property
    def delivered(self) -> Sequence[str]:
        """The ids of the messages whose answer was delivered, in order."""

    @property
    def waiting(self) -> Sequence[str]:
        """The ids of the messages that would be delivered again, were the process killed now."""


@dataclass(frozen=True)
class Specimen:
    """An adapter type and messages that it knows."""

    kind: str
    settings: Mapping[str, Any]
    """Without its incumbent."""
    operation: str
    request: Raw
    reply: Raw
    outcomes: Sequence[Values | Refusal]
    """What its codec can write."""
    changes: Mapping[PayloadPath, Any]
    """What may be replaced in `reply`."""
    amended: bytes
    """The reply's bytes with the changes."""
    missing: PayloadPath
    """A path that is not in `reply`."""
    incumbent: Callable[[str], AbstractAsyncContextManager[Asked]]
    """An incumbent that `answers` with the reply, is `gone`, or `hangs`."""
    queue: Callable[[Adapter, Raw], Queue] | None = None
    relays: bool = True
    """Whether its incumbent is sent bytes, whatever they are, rather than values."""

    def __str__(self) -> str:
        return self.kind

    def loaded(self, incumbent: Mapping[str, Any] | None = None, stage: str = "off") -> Loaded:
        """A configuration with this adapter and one route."""
        adapter = {"type": self.kind, **self.settings, **(incumbent or {})}
        text = (
            'models: {constant: {type: python, call: "models.local:constant"}}\n'
            f"adapters: {{{ADAPTER}: {json.dumps(adapter)}}}\n"
            f"routes: {{{ROUTE}: {{stage: {stage}, candidate: constant, accept: 'constant:1', effects: none,"
            f" sources: {{{ADAPTER}/{self.operation}: {{}}}}}}}}\n"
        )
        return parse(text, EXAMPLE / "understudy.yaml", {})

    def adapter(self, incumbent: Mapping[str, Any] | None = None) -> Adapter:
        """The adapter itself."""
        return assembly.adapters(self.loaded(incumbent))[ADAPTER]

    @cached_property
    def codec(self) -> Codec:
        """The codec of its operation, made once: state in it would show."""
        return self.adapter().codecs()[self.operation]

    def call(self, request: Raw | None = None, id: str = "", timeout: float = 5) -> Call:
        """A call of its operation."""
        return Call(ADAPTER, self.operation, request or self.request, self.codec, timeout=timeout, id=id)


_asked: ContextVar[list[bytes]] = ContextVar("asked")


async def memory_answers(body: bytes) -> bytes:
    """The reply of the memory specimen."""
    _asked.get().append(body)
    return MEMORY.reply.body


async def memory_gone(body: bytes) -> bytes:
    """Nobody there."""
    raise ConnectionRefusedError("nobody is listening")


async def memory_hangs(body: bytes) -> bytes:
    """Never answers."""
    _asked.get().append(body)
    await asyncio.Event().wait()
    return b""


@dataclass
class Known:
    """An incumbent that a test knows everything about."""

    settings: Mapping[str, Any]
    count: Callable[[], int]


@asynccontextmanager
async def _function(mode: str) -> AsyncIterator[Asked]:
    asked: list[bytes] = []
    token = _asked.set(asked)
    yield Known({"incumbent": f"tests.spec.specimens:memory_{mode}"}, lambda: len(asked))
    _asked.reset(token)


class Box:
    """The callers of a memory queue."""

    def __init__(self, adapter: Adapter, request: Raw) -> None:
        assert isinstance(adapter, Memory)
        self._memory, self._request = adapter, request
        self._losing: set[str] = set()
        adapter.fail_delivery = self._fails

    def put(self, id: str) -> None:
        """Queues the request."""
        self._memory.put(Message(id, MEMORY.operation, self._request.body))

    def lose(self, id: str) -> None:
        """Once."""
        self._losing.add(id)

    def _fails(self, message: Message) -> bool:
        lost = message.id in self._losing
        self._losing.discard(message.id)
        return lost

    @property
    def delivered(self) -> Sequence[str]:
        """In order."""
        return [id for id, _ in self._memory.delivered]

    @property
    def waiting(self) -> Sequence[str]:
        """Not acknowledged."""
        return self._memory.unacknowledged


MEMORY = Specimen(
    kind="memory",
    settings={"operations": ["Score"], "timeout": "5s"},
    operation="Score",
    request=Raw(b'{"Id": "1", "Amount": 500.25, "Lines": [{"No": 1}]}', "application/json"),
    reply=Raw(b'{"Decision": "A", "Score": 950.5, "Lines": [{"No": 1}]}', "application/json", 200),
    outcomes=[
        Values({"Decision": "A", "Score": Decimal("950.5"), "Exact": Decimal("0.1"), "None": None, "Yes": True}),
        Values({"Name": "Zoë 😀", "Half": "\ud800", "Large": 2**70, "Lines": [{"No": 1}, {"No": -2}]}),
        Values({}),
        Refusal("TooMuch", "That is too much.", {"Limit": 5}),
    ],
    changes={("Decision",): "R", ("Lines", 0, "No"): 7},
    amended=b'{"Decision": "R", "Score": 950.5, "Lines": [{"No": 7}]}',
    missing=("Lines", 1, "No"),
    incumbent=_function,
    queue=Box,
)

_REPLY = (
    f'<?xml version="1.0"?>\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>\n'
    f'  <ScoreLoanResponse xmlns="{LOANS}"><!-- odd -->\n   <Result><ApplicationId>GC-0001</ApplicationId>'
    "<Decision >A</Decision><Score>512</Score><DecidedOn>2004-05-03</DecidedOn><Reasons/></Result>"
    "</ScoreLoanResponse ></s:Body></s:Envelope>\n"
).encode()


@asynccontextmanager
async def _service(mode: str) -> AsyncIterator[Asked]:
    behaviour = silent if mode == "hangs" else answering(ok(_REPLY, "Content-Type: text/xml"))
    async with legacy_server(behaviour) as legacy:
        settings = {"incumbent": {"url": legacy.url, "timeout": "30s"}}
        if mode != "gone":
            yield Known(settings, lambda: len(legacy.requests))
    if mode == "gone":
        yield Known(settings, lambda: len(legacy.requests))


def _result(**fields: Any) -> Values:
    return Values({"Result": {"ApplicationId": "GC-0001", "DecidedOn": date(2004, 5, 3), **fields}})


@cache
def soap() -> Specimen:
    """The credit example's own service."""
    return Specimen(
        kind="soap",
        settings={"path": "/soap/loans", "wsdl": "loans.wsdl", "auth": {"none": "a test"}},
        operation="ScoreLoan",
        request=Raw(envelopes()[0], "text/xml; charset=utf-8"),
        reply=Raw(_REPLY, "text/xml", 200, [(b"X-Server", b"old")]),
        outcomes=[
            _result(Decision="A", Score=512, Reasons={}),
            _result(Decision="R", Score=300, Reasons={"Reason": ["R01", "R02"]}, Limit=None),
            _result(Decision="A", Score=700, Reasons={"Reason": ["R01"]}, Limit=Decimal("1500.50")),
            Refusal("InvalidApplication", "No.", {"Field": "Age", "Code": "E04", "Message": "too young & brave"}),
        ],
        changes={("Result", "Decision"): "R", ("Result", "Score"): 300},
        amended=_REPLY.replace(b">A<", b">R<").replace(b">512<", b">300<"),
        missing=("Result", "Limit"),
        incumbent=_service,
    )


@asynccontextmanager
async def _server(mode: str) -> AsyncIterator[Asked]:
    """A query's database: SQLite that answers and counts, or the address of a server that is silent or gone."""
    connected: list[asyncio.StreamWriter] = []
    if mode == "answers":
        with TemporaryDirectory() as folder:
            file = Path(folder) / "legacy.db"
            with closing(sqlite3.connect(file)) as legacy:
                legacy.execute("CREATE TABLE asked (id TEXT)")
                legacy.commit()
                query = {"sql": "INSERT INTO asked VALUES (:id) RETURNING 'A' AS decision"}
                settings = {"url": f"sqlite:///{file}", "tables": {}, "queries": {"Score": query}}
                yield Known(settings, lambda: legacy.execute("SELECT count(*) FROM asked").fetchone()[0])
        return
    server = await asyncio.start_server(lambda reader, writer: connected.append(writer), "127.0.0.1", 0)
    url = f"postgresql://nobody@127.0.0.1:{server.sockets[0].getsockname()[1]}/none"
    settings = {"url": url, "connect_timeout": "2s", "tables": {}, "queries": {"Score": {"sql": "SELECT :id"}}}
    if mode == "gone":
        server.close()
        await server.wait_closed()
    yield Known(settings, lambda: len(connected))
    server.close()
    for writer in connected:
        writer.close()


@cache
def database() -> Specimen:
    """A table; and, where somebody answers, a query."""
    return Specimen(
        kind="database",
        settings={"url": "sqlite:///nowhere.db", "tables": {"Score": {"table": "loans", "refusal": {"code": "fault"},
                  "lists": {"reasons": ","}, "find": {"status": {"column": "s", "new": ["N"], "done": ["D"]}}}}},
        operation="Score",
        request=Raw(b'{"id":"GC-0001","amount":{"$decimal":"10.50"}}', MEDIA),
        reply=Raw(b'{"decision":"A"}', MEDIA),
        outcomes=[
            Values({"decision": "A", "score": Decimal("512.50"), "decided": date(2004, 5, 3), "limit": None}),
            Values({"name": "Zoë 😀", "large": 2**70, "empty": "", "reasons": ["R01", "R02"]}),
            Refusal("TooMuch"),
        ],
        changes={("decision",): "R"},
        amended=b'{"decision":"R"}',
        missing=("limit",),
        incumbent=_server,
        relays=False,
    )  # fmt: skip


@asynccontextmanager
async def _worker(mode: str) -> AsyncIterator[Asked]:
    async with broker.worker(mode) as (settings, count):
        yield Known(settings, count)


@cache
def amqp() -> Specimen:
    """A queue. How it is read is a matter of tests/integration/amqp: the worker is never asked again there."""
    paths = {"code": "Error.Code", "message": "Error.Text"}
    return Specimen(
        kind="amqp",
        settings={"addresses": ["amqp://127.0.0.1:1"], "user": "guest", "password": "guest", "operations": {
            "Score": {"queue": "loans", "format": "json", "refusal": paths}}},
        operation="Score",
        request=MEMORY.request,
        reply=Raw(broker.REPLY, "application/json"),
        outcomes=[MEMORY.outcomes[0], MEMORY.outcomes[1], Values({}), Refusal("TooMuch", "Much.", {"Limit": 5})],
        changes={("Decision",): "R", ("Score",): 7},
        amended=broker.REPLY.replace(b'"A"', b'"R"').replace(b"950.50", b"7"),
        missing=("Limit",),
        incumbent=_worker,
    )  # fmt: skip


SPECIMENS: Sequence[Callable[[], Specimen]] = (partial(lambda: MEMORY), soap, database, amqp)
