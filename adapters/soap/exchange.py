"""One HTTP request and the way back to its caller, on raw ASGI."""

import asyncio
from collections.abc import AsyncIterator

from adapters.soap.relay import HttpRequest, Rest
from gateway.contract import IncumbentFailed, Message, Raw, Receive, Send

_EMPTY = frozenset({204, 304})
"""Statuses whose answers have neither a body nor a length."""


class Gone(Exception):
    """The caller hung up before its request was whole."""


class TooLarge(Exception):
    """The request is larger than what is relayed."""


class Exchange:
    """`headers` are by name in lower case; `request` is what came, its body as far as it was read."""

    def __init__(self, scope: Message, receive: Receive, send: Send, path: str) -> None:
        """`path` is the adapter's own, which the request's path begins with."""
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        media = self.headers.get(b"content-type", b"").decode("latin-1")
        self.request = HttpRequest(
            b"",
            media,
            headers=scope["headers"],
            method=scope["method"].encode("ascii"),
            below=scope["raw_path"][len(path) :],
            query=scope["query_string"],
        )
        self.whole = False
        """Whether the request's body was read to its end."""
        self._receive = receive
        self._send = send

    @property
    def stated(self) -> int | None:
        """The length of the request's body as its header states it."""
        value = self.headers.get(b"content-length")
        return int(value) if value is not None else None

    async def read(self, most: int) -> None:
        """Reads the request's body, and stops as soon as it is larger than `most`. Raises Gone."""
        self.request.body = await self._part()
        if self.whole:
            return
        parts, size = [self.request.body], len(self.request.body)
        while not self.whole and size <= most:
            parts.append(await self._part())
            size += len(parts[-1])
        self.request.body = b"".join(parts)

    async def more(self, most: int) -> AsyncIterator[bytes]:
        """What follows of the request's body. Raises Gone, and TooLarge once all of it is larger than `most`."""
        size = len(self.request.body)
        while not self.whole:
            part = await self._part()
            size += len(part)
            if size > most:
                raise TooLarge
            yield part

    async def send(self, raw: Raw) -> None:
        """Sends a whole answer."""
        headers = _headers(raw)
        if raw.status not in _EMPTY and not (self.scope["method"] == "HEAD" and _length(headers)):
            headers.append((b"content-length", b"%d" % len(raw.body)))
        await self._send({"type": "http.response.start", "status": raw.status or 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": raw.body})

    async def reply(self, raw: Raw) -> None:
        """Sends an answer, streamed where it is. One that breaks off is broken off to the caller, never ended well."""
        if raw.rest is None:
            return await self.send(raw)
        try:
            await self._stream(raw, raw.rest)
        except IncumbentFailed:
            return  # the server sees an answer without its end, says so in its log, and closes the connection
        finally:
            if isinstance(raw.rest, Rest):
                raw.rest.close()

    async def _part(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Gone
        self.whole = not message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body

    async def _stream(self, raw: Raw, rest: AsyncIterator[bytes]) -> None:
        headers = _headers(raw)
        if self.scope["http_version"] == "1.0" and not _length(headers):
            # HTTP/1.0 has no chunks: such a caller is told the length first.
            body = b"".join([raw.body, *[part async for part in rest]])
            return await self.send(Raw(body, raw.media, raw.status, raw.headers))
        await self._send({"type": "http.response.start", "status": raw.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": raw.body, "more_body": True})
        gone = asyncio.ensure_future(self._receive())
        try:
            async for part in rest:
                if gone.done() and gone.result()["type"] == "http.disconnect":
                    return
                await self._send({"type": "http.response.body", "body": part, "more_body": True})
        finally:
            gone.cancel()
        await self._send({"type": "http.response.body", "body": b""})


def _headers(raw: Raw) -> list[tuple[bytes, bytes]]:
    """The answer's headers, with its media type."""
    headers = list(raw.headers)
    if raw.media:
        for name, _ in headers:
            if name.lower() == b"content-type":
                return headers
        headers.append((b"content-type", raw.media.encode("latin-1")))
    return headers


def _length(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-length" for name, _ in headers)
