"""The incumbent behind its HTTP address: what a caller sent goes there, what it answers comes back, byte for byte."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from adapters.soap.connection import Connection
from adapters.soap.pool import Pool
from adapters.soap.readdress import readdressed
from gateway.contract import Call, IncumbentFailed, IncumbentTimeout, IncumbentUnreachable, Raw

Headers = Sequence[tuple[bytes, bytes]]

_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
        b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
_NOT_SENT = _HOP | {b"host", b"content-length", b"expect"}
_NOT_PASSED = _HOP | {b"content-length"}
_USUAL = frozenset({b"keep-alive", b"close", b""})
_NAMES = {b"soapaction": b"SOAPAction", b"mime-version": b"MIME-Version", b"te": b"TE"}
_KEEP = re.compile(rb"timeout\s*=\s*(\d{1,6})", re.IGNORECASE)


@dataclass(slots=True)
class HttpRequest(Raw):
    """A request as it came. `below` is the path below the adapter's own, `query` without its question mark; both
    keep their percent signs."""

    method: bytes = b"POST"
    below: bytes = b""
    query: bytes = b""


class Relay:
    """Sends each request once, and gives back status, headers and body as they came.

    Never repeated: a connection that the incumbent closes as the request arrives is an IncumbentUnreachable, since
    nobody can tell whether the call took effect. Headers that belong to one connection (RFC 9110, 7.6.1) are not
    carried over, Host names the incumbent, and nothing else is added, removed or changed. `Content-Length` is left
    out of an answer that is whole: its body tells.
    """

    def __init__(
        self, url: str, *, timeout: float = 5.0, connections: int = 64, max_decode: int = 1 << 20,
        tls: ssl.SSLContext | None = None, authorization: bytes | None = None, readdress: bool = False,
    ) -> None:  # fmt: skip
        """`timeout` in seconds bounds a call, and each wait of a stream. `tls` is for https; default: the system's.

        `authorization` stands in for that of every caller. With `readdress` a request's wsa:To becomes `url`: apart
        from these two, a request goes as it came."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        self.address = f"{host}:{port}"
        self._host = parts.netloc.encode("ascii")
        self._path, self._query = (parts.path or "/").encode("ascii"), parts.query.encode("ascii")
        self._pool = Pool(host, port, (tls or ssl.create_default_context()) if secure else None, connections)
        self._timeout = timeout
        self._max_decode = max_decode
        self._authorization = authorization
        self._not_sent = _NOT_SENT | {b"authorization"} if authorization else _NOT_SENT
        self._url = url if readdress else None

    async def call(self, call: Call, timeout: float) -> Raw:
        """The incumbent's own answer within `timeout` seconds and never more than the relay's own, sent once; what is
        over `max_decode` is in `rest`. Raises IncumbentUnreachable or IncumbentTimeout."""
        timeout = min(timeout, self._timeout)
        request = self._readdressed(call.raw if isinstance(call.raw, HttpRequest) else _bare(call.raw))
        with self._translated(timeout):
            async with asyncio.timeout(timeout):
                connection = await self._take(timeout)
                try:
                    connection.send(self._head(request, len(request.body)), request.body)
                    body = await connection.body(self._max_decode)
                except BaseException:
                    self._drop(connection)
                    raise
        return self._answer(connection, request, body)

    async def stream(self, request: HttpRequest, more: AsyncIterator[bytes] | None, length: int | None) -> Raw:
        """The incumbent's answer to a request whose body is `request.body` and then `more`; its own body is streamed.

        `length` is that of the whole body, None where the caller did not say: it then goes out chunked. Each wait is
        bounded by the timeout. What `more` raises ends the exchange and passes through.

        Raises IncumbentUnreachable or IncumbentTimeout."""
        came, request = len(request.body), self._readdressed(request)
        length = None if length is None else length + len(request.body) - came
        with self._translated(self._timeout):
            connection = await self._take(self._timeout)
            try:
                early = await self._send(connection, request, more, length)
                async with asyncio.timeout(self._timeout):
                    await connection.head()
                body = await connection.body(0) if connection.whole else b""
            except BaseException:
                self._drop(connection)
                raise
        connection.reusable = connection.reusable and not early
        return self._answer(connection, request, body)

    async def probe(self) -> str | None:
        """What is wrong with the address, in a sentence; None when a connection (and TLS) can be made."""
        try:
            with self._translated(self._timeout):
                self._drop(await self._pool.take(self._timeout))
        except (IncumbentUnreachable, IncumbentTimeout) as error:
            return str(error)
        return None

    @property
    def replaces_credentials(self) -> bool:
        """Whether callers' own are not sent."""
        return self._authorization is not None

    async def close(self) -> None:
        """Ends the idle connections."""
        await self._pool.close()

    async def _take(self, timeout: float) -> Connection:
        try:
            return await self._pool.take(timeout)
        except OSError as error:
            raise self._failure(error, timeout, asked=False) from error

    @contextmanager
    def _translated(self, timeout: float) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._failure(error, timeout, asked=True) from error

    def _failure(self, error: OSError, timeout: float, *, asked: bool) -> IncumbentFailed:
        if not isinstance(error, TimeoutError):
            return IncumbentUnreachable(f"{self.address} cannot be reached: {error}", asked=asked)
        why = f": {error}" if str(error) else ""
        return IncumbentTimeout(f"{self.address} did not answer within {timeout:g} seconds{why}", asked=asked)

    def _head(self, request: HttpRequest, length: int | None) -> bytes:
        path = self._path.rstrip(b"/") + request.below if request.below else self._path
        query = b"&".join(part for part in (self._query, request.query) if part)
        lines = [request.method, b" ", path, b"?" + query if query else b"", b" HTTP/1.1\r\nHost: ", self._host]
        for name, value in _sift(request.headers, self._not_sent)[0]:
            lines += (b"\r\n", _NAMES.get(name) or name.title(), b": ", value)
        if self._authorization:
            lines += (b"\r\nAuthorization: ", self._authorization)
        if length is None:
            lines.append(b"\r\nTransfer-Encoding: chunked")
        elif length or request.method not in (b"GET", b"HEAD", b"OPTIONS", b"DELETE"):
            lines.append(b"\r\nContent-Length: %d" % length)
        lines.append(b"\r\n\r\n")
        return b"".join(lines)

    def _readdressed(self, request: HttpRequest) -> HttpRequest:
        if self._url is None:
            return request
        return replace(request, body=readdressed(request.body, request.media, self._url))

    async def _send(
        self, connection: Connection, request: HttpRequest, more: AsyncIterator[bytes] | None, length: int | None
    ) -> bool:
        """Whether the answer came before the request was sent whole: the connection is then of no further use."""
        first = _chunk(request.body) if length is None and request.body else request.body
        connection.send(self._head(request, length), first, bodiless=request.method == b"HEAD")
        if more is None:
            return False
        upload = asyncio.create_task(self._upload(connection, more, length is None))
        head = asyncio.create_task(connection.head())
        try:
            await asyncio.wait((upload, head), return_when=asyncio.FIRST_COMPLETED)
        finally:
            early = not upload.done()
            for task in (upload, head):
                task.cancel()
            sent, _ = await asyncio.gather(upload, head, return_exceptions=True)
        if isinstance(sent, Exception) and not connection.has_head:
            raise sent
        return early or sent is not None

    async def _upload(self, connection: Connection, more: AsyncIterator[bytes], chunked: bool) -> None:
        async for part in more:
            if part:
                async with asyncio.timeout(self._timeout):
                    await connection.upload(_chunk(part) if chunked else part)
        if chunked:
            await connection.upload(b"0\r\n\r\n")

    def _answer(self, connection: Connection, request: HttpRequest, body: bytes) -> Raw:
        keep_length = request.method == b"HEAD" or not connection.whole
        headers, values = _sift(connection.headers, _HOP if keep_length else _NOT_PASSED)
        raw = Raw(body, values.get(b"content-type", b"").decode("latin-1"), connection.status, headers)
        if not self._authorization and _is_bound(request.headers):
            connection.reusable = False
        keep = _keep(values.get(b"keep-alive"))
        if connection.whole:
            self._pool.give(connection, keep)
        else:
            raw.rest = Rest(self, connection, keep)
        return raw

    def _drop(self, connection: Connection) -> None:
        connection.reusable = False
        self._pool.give(connection)

    async def _next(self, connection: Connection) -> bytes:
        with self._translated(self._timeout):
            async with asyncio.timeout(self._timeout):
                return await connection.body(0)


class Rest:
    """What follows of an answer. Its connection is given back at the end, and dropped when it is closed before."""

    def __init__(self, relay: Relay, connection: Connection, keep: float) -> None:
        self._relay = relay
        self._keep = keep
        self._connection: Connection | None = connection

    def __aiter__(self) -> "Rest":
        return self

    async def __anext__(self) -> bytes:
        """The next bytes. Raises IncumbentUnreachable or IncumbentTimeout."""
        if self._connection is None:
            raise StopAsyncIteration
        try:
            part = await self._relay._next(self._connection)
        except BaseException:
            self.close()
            raise
        if not part:
            connection, self._connection = self._connection, None
            self._relay._pool.give(connection, self._keep)
            raise StopAsyncIteration
        return part

    def close(self) -> None:
        """Gives up what is still to come."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._relay._drop(connection)

    def __del__(self) -> None:
        # An answer that nobody reads, since its caller is gone, must not keep its connection.
        self.close()


def _bare(raw: Raw) -> HttpRequest:
    headers = raw.headers or [(b"content-type", raw.media.encode("latin-1"))]
    return HttpRequest(raw.body, raw.media, 0, headers)


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def _sift(headers: Headers, dropped: frozenset[bytes]) -> tuple[list[tuple[bytes, bytes]], dict[bytes, bytes]]:
    """The headers that are neither dropped nor named by Connection, and the values of all by name in lower case."""
    kept, values = [], {}
    for header in headers:
        name = header[0].lower()
        values[name] = header[1]
        if name not in dropped:
            kept.append(header)
    if (named := values.get(b"connection", b"").lower()) not in _USUAL:
        tokens = {token.strip() for token in named.split(b",")}
        kept = [header for header in kept if header[0].lower() not in tokens]
    return kept, values


def _keep(value: bytes | None) -> float:
    """Seconds for which the incumbent says it keeps the connection, less one for the way there."""
    match = _KEEP.search(value) if value else None
    return float(match[1]) - 1.0 if match else 60.0


def _is_bound(headers: Headers) -> bool:
    """NTLM and Negotiate authenticate the connection: another caller's request must not go over it."""
    schemes = (b"ntlm", b"negotiate")
    return any(name.lower() == b"authorization" and value.lower().startswith(schemes) for name, value in headers)
