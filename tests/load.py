"""A load generator on raw sockets: sends envelopes as they are and keeps what came back, byte for byte as a hash."""

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import zeep
from lxml import etree

import gateway.examples.credit as example
from gateway.examples.credit.applications import requests

PATIENCE = 60.0
"""Seconds that one call, or waiting for a condition, may take; only a broken gateway takes them."""
MEDIA = "text/xml; charset=utf-8"


@cache
def envelopes() -> Sequence[bytes]:
    """The 1,000 real applications as ScoreLoan requests of SOAP 1.1."""
    client = zeep.Client(str(example.__path__[0]) + "/loans.wsdl")
    made = (client.create_message(client.service, "ScoreLoan", **one) for one in requests())
    return [etree.tostring(one, xml_declaration=True, encoding="utf-8") for one in made]


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Returns when the condition holds; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for: {what}"
        time.sleep(0.02)


@dataclass(slots=True)
class Answered:
    """One call: what came back, or how it broke."""

    at: int
    """Which envelope was sent."""
    connected: float
    """When its connection was made (monotonic seconds); 0 where none could be."""
    status: int = 0
    digest: str = ""
    """SHA-256 of the body."""
    seconds: float = 0.0
    error: str = ""
    """`refused`: no connection; `reset`: it ended before the answer; `cut`: it ended within the answer."""


class Load:
    """Calls over so many connections at once, in a thread of its own; each connection is kept alive, as clients do.

    A call that breaks is not repeated by itself: `calls` has all of them in the order in which they ended."""

    def __init__(self, url: str, bodies: Sequence[bytes], connections: int = 16, persist: bool = True) -> None:
        """Sends every body once. `persist`: goes on after a refused connection, as soon as there is one again."""
        self.calls: list[Answered] = []
        self._url = urlsplit(url)
        self._bodies = bodies
        self._todo: Iterator[int] = iter(range(len(bodies)))
        self._connections = connections
        self._persist = persist
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def start(self) -> "Load":
        """Begins."""
        self._thread.start()
        return self

    def reached(self, count: int) -> "Load":
        """Returns when so many calls have ended."""
        until(lambda: len(self.calls) >= count or not self._thread.is_alive(), f"{count} calls to end")
        assert len(self.calls) >= count
        return self

    def stop(self) -> None:
        """Lets every connection finish the call it has, and then end."""
        self._todo = iter(())

    def done(self) -> Sequence[Answered]:
        """All calls, once the last one has ended."""
        self._thread.join(2 * PATIENCE)
        assert not self._thread.is_alive(), "the load does not end"
        return self.calls

    async def _run(self) -> None:
        await asyncio.gather(*(self._connection() for _ in range(self._connections)))

    async def _connection(self) -> None:
        wire: tuple[asyncio.StreamReader, asyncio.StreamWriter, float] | None = None
        while (at := next(islice(self._todo, 1), None)) is not None:
            call = Answered(at, 0.0)
            started = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    wire = wire or await self._connect()
                    call.connected = wire[2]
                    keep = await self._call(call, wire[0], wire[1])
            except (OSError, EOFError) as error:
                keep, call.error = False, call.error or (str(error) if call.connected else "refused")
            call.seconds = time.monotonic() - started
            self.calls.append(call)
            if not keep and wire:
                wire[1].close()
                wire = None
            if call.error == "refused" and not self._persist:
                return
        if wire:
            wire[1].close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, float]:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                reader, writer = await asyncio.open_connection(self._url.hostname, self._url.port)
                return reader, writer, time.monotonic()
            except OSError:
                if not self._persist or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.02)

    async def _call(self, call: Answered, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may be used again."""
        body = self._bodies[call.at]
        head = f"POST {self._url.path} HTTP/1.1\r\nHost: {self._url.netloc}\r\nContent-Type: {MEDIA}\r\n"
        writer.write(f'{head}SOAPAction: ""\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + body)
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        except asyncio.IncompleteReadError as error:
            raise EOFError("cut" if error.partial else "reset") from error
        except OSError as error:
            raise OSError("reset") from error
        headers = dict(line.split(b": ", 1) for line in lines[1:] if line)
        try:
            answer = await reader.readexactly(int(headers[b"content-length"]))
        except (asyncio.IncompleteReadError, OSError) as error:
            raise EOFError("cut") from error
        call.status = int(lines[0].split()[1])
        call.digest = hashlib.sha256(answer).hexdigest()
        return headers.get(b"connection") != b"close"


def answers(url: str, bodies: Sequence[bytes]) -> Sequence[str]:
    """The SHA-256 of what a service itself answers to each of these."""
    calls = sorted(Load(url, bodies, 4).start().done(), key=lambda call: call.at)
    assert not any(call.error for call in calls)
    return [call.digest for call in calls]


def get(url: str) -> tuple[int, bytes]:
    """Status and body; status 0 where nobody answers."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=PATIENCE)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()


def post(url: str, body: Any, media: str = MEDIA, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body of one call; a body that is an iterator goes out in chunks."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=PATIENCE)
    try:
        connection.request("POST", parts.path, body, {"Content-Type": media, "SOAPAction": '""', **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
