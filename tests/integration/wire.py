"""Both ends of a wire, byte by byte: a legacy server that answers what it is told, callers, and our own server."""

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.contract import ASGI
from gateway.http import Limits, Server, server
from gateway.protocol import Protocol

PATIENCE = 20.0
"""Seconds until a test gives up; only a broken one takes them."""


async def until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is waited for is anything at all, so nothing sets an event
            await asyncio.sleep(0.005)


async def head_of(reader: asyncio.StreamReader) -> bytes:
    """A message's head, with its empty line."""
    return await reader.readuntil(b"\r\n\r\n")


def header(head: bytes, name: str) -> list[str]:
    """The values of a header, in order."""
    pairs = [line.split(":", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ":" in line]
    return [value.strip(" ") for key, value in pairs if key.lower() == name.lower()]


async def body_of(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """A body as its head announces it, chunks with their frames still on."""
    if length := header(head, "content-length"):
        return await reader.readexactly(int(length[0]))
    body = b""
    if header(head, "transfer-encoding"):
        while not body.endswith(b"0\r\n\r\n"):
            body += await reader.readline()
    return body


@dataclass
class Legacy:
    """What a legacy server saw."""

    port: int = 0
    connections: int = 0
    open: int = 0
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Head and body of each request, as they came."""

    @property
    def url(self) -> str:
        """Where the service is."""
        return f"http://127.0.0.1:{self.port}/loans"


Behaviour = Callable[[Legacy, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(*answers: bytes) -> Behaviour:
    """Answers each request with the next of these bytes, and then again with the last."""

    async def behave(legacy: Legacy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await head_of(reader)
            legacy.requests.append((head, await body_of(reader, head)))
            writer.write(answers[min(len(legacy.requests), len(answers)) - 1])
            await writer.drain()

    return behave


def once(answer: bytes, *, abort: bool = False) -> Behaviour:
    """Reads a request, answers, and hangs up: with a reset where `abort`."""

    async def behave(legacy: Legacy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        legacy.requests.append((head, await body_of(reader, head)))
        writer.write(answer)
        await writer.drain()
        if abort:
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    return behave


async def silent(legacy: Legacy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads a request and never answers."""
    head = await head_of(reader)
    legacy.requests.append((head, await body_of(reader, head)))
    await reader.read()


@asynccontextmanager
async def legacy_server(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Legacy]:
    """A legacy server for as long as the block lasts."""
    legacy = Legacy()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        legacy.connections += 1
        legacy.open += 1
        try:
            await behave(legacy, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            legacy.open -= 1

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    legacy.port = listener.sockets[0].getsockname()[1]
    try:
        yield legacy
    finally:
        listener.close()


@dataclass
class Served:
    """Our own server, running."""

    server: Server
    port: int
    task: "asyncio.Task[None]"

    @property
    def protocols(self) -> set[Protocol]:
        """Its connections."""
        return cast(set[Protocol], self.server.server_state.connections)

    async def stop(self) -> None:
        """Stops it as SIGTERM does."""
        self.server.should_exit = True
        await asyncio.wait_for(self.task, PATIENCE)


@asynccontextmanager
async def serving(app: ASGI, limits: Limits | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Served]:
    """An application behind our own server for as long as the block lasts."""
    listener = socket.create_server(("127.0.0.1", 0))
    running = server(app, limits or Limits(grace=2.0), tls)
    served = Served(running, listener.getsockname()[1], asyncio.create_task(running.serve([listener])))
    try:
        await until(lambda: running.started)
        yield served
    finally:
        await served.stop()


class Caller:
    """A connection of a caller."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Head and body of the answer to a request."""
        self.writer.write(request)
        async with asyncio.timeout(PATIENCE):
            head = await head_of(self.reader)
            return head, await body_of(self.reader, head)

    async def rest(self) -> bytes:
        """All that comes until the other side hangs up."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()


@asynccontextmanager
async def caller(port: int) -> AsyncIterator[Caller]:
    """A connection to 127.0.0.1 for as long as the block lasts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.transport.abort()


def ok(body: bytes, *headers: str) -> bytes:
    """A plain answer of status 200."""
    lines = "".join(f"{line}\r\n" for line in (*headers, f"Content-Length: {len(body)}"))
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1") + body


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A POST request."""
    lines = "".join(f"{line}\r\n" for line in ("Host: gateway.example", *headers, f"Content-Length: {len(body)}"))
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a caller's context, each trusting the one certificate that both show."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    both = certificate.public_bytes(serialization.Encoding.PEM)
    file = folder / "both.pem"
    file.write_bytes(both + key.private_bytes(serialization.Encoding.PEM, *plain))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    server.verify_mode = ssl.CERT_OPTIONAL
    for context in (server, client):
        context.load_cert_chain(file)
        context.load_verify_locations(cadata=both.decode())
    return server, client
