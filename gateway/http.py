"""The HTTP side of a worker: uvicorn on httptools, and the way from a path to its front.

Nothing is added to an answer: no date, no server.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import uvicorn

from gateway.contract import ASGI, Message, Receive, Send
from gateway.protocol import Limits, Protocol

__all__ = ["Limits", "Router", "Server", "server"]


class Server(uvicorn.Server):
    """A uvicorn server inside somebody else's loop: it handles no signals. Set `should_exit` to stop it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Installs nothing: SIGTERM belongs to the worker."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Returns within the grace, with no connection left."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def server(app: ASGI, limits: Limits | None = None, tls: ssl.SSLContext | None = None) -> Server:
    """A server for `await server.serve(sockets)`, on sockets that are bound and listening."""
    limits = limits or Limits()
    config = uvicorn.Config(
        cast(Any, app),
        http=cast(Any, partial(Protocol, limits=limits)),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=cast(int, limits.idle),
        timeout_graceful_shutdown=cast(int, limits.grace),
        ssl_context_factory=(lambda config, default: tls) if tls is not None else None,
    )
    return Server(config)


class Router:
    """The callable of the exact path, else of the longest `prefix/*`, else 404.

    Paths are compared as they were sent, percent signs and all, so nothing is routed that a front cannot see.
    """

    def __init__(self, routes: Mapping[str, ASGI]) -> None:
        self._exact = {path.removesuffix("/*").encode(): app for path, app in routes.items()}
        self._exact |= {path.encode(): app for path, app in routes.items() if not path.endswith("/*")}
        below = ((path[:-1].encode(), app) for path, app in routes.items() if path.endswith("/*"))
        self._below = sorted(below, key=lambda entry: -len(entry[0]))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await self._find(scope["raw_path"])(scope, receive, send)

    def _find(self, path: bytes) -> ASGI:
        if (app := self._exact.get(path)) is not None:
            return app
        return next((app for prefix, app in self._below if path.startswith(prefix)), _not_found)


async def _not_found(scope: Message, receive: Receive, send: Send) -> None:
    sentence = b"Nothing is served at this path. Compare it with the paths in understudy.yaml.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(sentence))]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": sentence})
