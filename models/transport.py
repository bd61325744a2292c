"""HTTP to a served Bento, over a Unix socket or a URL; what goes wrong leaves here as the contract's errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import aiohttp
import orjson

from gateway.contract import BadPrediction, ModelUnavailable

MAX_ANSWER = 64 << 20
"""Bytes of the largest answer that is read."""

KEEP_ALIVE_OF_SERVER = 75
"""Seconds that the child keeps an idle connection; longer than this side does, so that it never closes one in use."""

_KEEP_ALIVE = 60.0
_KEEP_ALIVE_ELSEWHERE = 4.0  # uvicorn and many proxies close idle connections after 5 s
_HEADERS = {"Content-Type": "application/json"}


class Transport(Protocol):
    """How bytes reach the model."""

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises CandidateFailed."""

    async def probe(self) -> None:
        """Returns once the server answers anything at all. Raises CandidateFailed."""

    async def close(self) -> None:
        """Closes all connections."""


async def described(transport: Transport) -> Mapping[str, Any]:
    """{"model", "schema", ...}: what /schema says. Raises ModelUnavailable when it is no description of a model."""
    status, body = await transport.post("/schema", b"{}")
    try:
        answer: Any = orjson.loads(body) if status == 200 else None
        parts = answer["schema"]["inputs"], answer["schema"]["outputs"]
        if not isinstance(answer["model"], str) or not all(isinstance(part, dict) for part in parts):
            raise ValueError("its parts are of other types")
        return dict(answer)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelUnavailable(f"/schema gave no description of a model (status {status})") from error


class Http:
    """POSTs JSON and gives back status and bytes. Bounds nothing in time: whoever waits cancels."""

    def __init__(self, base: str, connector: aiohttp.BaseConnector, headers: Mapping[str, str]) -> None:
        self._base = base.rstrip("/")
        self._headers = _HEADERS | dict(headers)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        )

    @classmethod
    def unix(cls, socket: str) -> "Http":
        """Over a Unix socket. Call it inside the event loop that will use it."""
        return cls("http://model", aiohttp.UnixConnector(path=socket, limit=0, keepalive_timeout=_KEEP_ALIVE), {})

    @classmethod
    def url(cls, url: str, headers: Mapping[str, str]) -> "Http":
        """To a server elsewhere, with these headers. Call it inside the event loop that will use it."""
        return cls(url, aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_ELSEWHERE), headers)

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; redirects are not followed. Raises ModelUnavailable, BadPrediction."""
        with _translated():
            request = self._session.post(self._base + path, data=body, headers=self._headers, allow_redirects=False)
            async with request as response:
                return response.status, await _whole(response)

    async def probe(self) -> None:
        """Returns once the server answers anything at all. Raises ModelUnavailable."""
        with _translated():
            async with self._session.get(self._base + "/livez", allow_redirects=False):
                return

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_ANSWER:
            raise BadPrediction(f"the model's answer is larger than {MAX_ANSWER} bytes")
        parts.append(part)
    return b"".join(parts)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise ModelUnavailable(f"the model cannot be reached: {type(error).__name__}: {error}") from error
