"""HTTP/1.1 with the limits that uvicorn does not have.

A request must arrive whole within the receipt deadline, and its head must fit the cap; a caller that does not read
its answer is cut off. llhttp itself refuses Content-Length together with Transfer-Encoding.
"""

import asyncio
import http
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.cycle import Cycle

_LAST_CALL = 0.5
"""Seconds at most that an idle connection is kept at stop, so that its next call still gets an answer."""

_LINGER = 1.0
"""Seconds that are read on after a refusal: a close with unread bytes would make TCP drop the refusal itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a caller may take. Seconds, bytes, headers.

    `receipt` runs from the connection, or the first byte of a further request, until the request is there whole;
    `idle` between two requests; `stall` while the caller reads nothing of its answer. `grace` bounds a stop, and
    must be longer than the longest deadline of a call. `drain` is the size at which a request that is answered already
    is no longer read: many callers write all of it before they read.
    """

    receipt: float = 30.0
    idle: float = 75.0
    stall: float = 30.0
    grace: float = 30.0
    head: int = 65_536
    headers: int = 200
    drain: int = 256 << 20


_SHORT = {
    "commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C",
    "localityName": "L", "stateOrProvinceName": "ST", "streetAddress": "STREET", "domainComponent": "DC",
    "userId": "UID", "serialNumber": "serialNumber", "emailAddress": "emailAddress",
}  # fmt: skip


class Refused(Exception):
    """The request breaks a limit; raised inside the parser's callbacks only."""


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with limits, and with the caller's TLS certificate in the scope.

    `scope["extensions"]["tls"]["client_cert_chain"]` follows the ASGI TLS extension: PEM, empty where the caller
    showed none. `client_cert_name` is its subject as in RFC 4514, "" where it was not verified. The extension is
    missing without TLS.
    """

    def __init__(
        self, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None, *, limits: Limits,
    ) -> None:  # fmt: skip
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._refusal = (400, "This is not a valid HTTP/1.1 request.")
        self._begun = self._in_head = self._whole = self._refused = self._stopping = False
        self._fed = self._feeding = 0
        self._idle_since: float | None = None
        """When the connection began to wait for a further request; None while it does not."""
        self._tls: dict[str, Any] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if (tls := transport.get_extra_info("ssl_object")) is not None:
            peer = tls.getpeercert(True)
            self._tls = {"client_cert_chain": [ssl.DER_cert_to_PEM_cert(peer)] if peer else []}
            self._tls["client_cert_name"] = subject(tls.getpeercert() or {})
        self._arm(self._limits.receipt)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self.resume_writing()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._fed > self._limits.drain and not (self._whole or self._busy()):
            self.transport.abort()
            return
        in_head = self._in_head
        self._idle_since = None
        self._feeding = len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(*self._refusal)
            return
        # The parser keeps a header's value to itself until it ends: what is still open is counted as it came in.
        self._fed += len(data)
        if in_head and self._in_head and self._fed > self._limits.head:
            self._refuse(431, self._too_large())
        elif self._deadline is None and not (self._whole and self._busy()):
            self._arm(self._limits.receipt)

    def _feed(self, data: bytes) -> None:
        """Parses. An offer to change the protocol is declined, and the request served as if there were none.

        httptools would drop the body of such a request, and Java's own client makes every first one such a request."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            method, version = self.parser.get_method(), self.parser.get_http_version().encode()
            lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
            head = b"".join([method, b" ", self.url, b" HTTP/", version, b"\r\n", *lines, b"\r\n"])
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
            self.parser.feed_data(head + data[offer.args[0] :])

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun = self._in_head = True
        self._whole = False
        self._fed = 0
        if self._tls is not None:
            cast(dict[str, Any], self.scope)["extensions"] = {"tls": self._tls}

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: uvicorn would add it to the headers of a request that is already being answered
        if len(self.headers) >= self._limits.headers:
            self._refusal = (431, f"The request has more than {self._limits.headers} headers.")
            raise Refused
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._fed + self._feeding > self._limits.head and self._head() > self._limits.head:
            self._refusal = (431, self._too_large())
            raise Refused
        if (method := self.parser.get_method()) == b"CONNECT" or self._lingers():
            raise Refused
        if self.parser.should_upgrade():
            return  # it is parsed again, see _feed
        self._in_head = False
        self._begin(method.decode("ascii"))

    def _begin(self, method: str) -> None:
        """Has the application answer the request whose head is there, after those before it."""
        version, url = self.parser.get_http_version(), httptools.parse_url(self.url)
        scope = cast(dict[str, Any], self.scope)
        scope["http_version"], scope["method"] = version, method
        scope["raw_path"], scope["path"] = url.path, unquote(url.path.decode("ascii"))
        scope["query_string"] = url.query or b""
        keep_alive = version != "1.0" and self.parser.should_keep_alive() and not self._stopping
        before, self.cycle = self.cycle, Cycle(
            self.scope, self.transport, self.flow, self.logger, self.access_logger, self.access_log,
            self.server_state.default_headers, asyncio.Event(), self.expect_100_continue, keep_alive,
            self.on_response_complete,
        )  # fmt: skip
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_message_complete(self) -> None:
        if self._in_head:
            return  # an offer to change the protocol: it is parsed again, see _feed
        self._whole = True
        self._disarm()
        if self._lingers():
            self._close()
        elif not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """Goes on with the next request, or waits for it.

        One timer is enough for all waits of a connection: when it ends, it goes on for what is left of the last."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            if self.transport.get_write_buffer_size():
                self._watch_reader()
            return
        self.flow.resume_reading()
        if self._lingers():
            # What still comes is thrown away: the receipt deadline and a number of bytes bound it.
            if self.transport.can_write_eof():
                self.transport.write_eof()
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._wait(self._limits.idle)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        if self.flow is not None:
            super().resume_writing()

    def _wait(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Closes a connection that has been idle for long enough."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        if (left := self._idle_since + self._limits.idle - self.loop.time()) > 0 and not self._stopping:
            self._wait(left)
            return
        # A close would wait for ever for a caller that does not read the end of its answer.
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """Finishes what was received, cuts short what is still arriving, and closes the rest a moment later."""
        self._stopping = True
        if self._busy():
            self.cycle.keep_alive = False
        if self._begun and not self._whole:
            self._disarm()
            self._arm(min(self._limits.receipt, self._limits.grace / 2))
        elif not self._busy():
            self._unset_keepalive_if_required()
            self._idle_since = self.loop.time()
            self._wait(min(_LAST_CALL, self._limits.grace / 4))

    def _close(self) -> None:
        if self.transport.get_write_buffer_size():
            self._watch_reader()
        self.transport.close()

    def _lingers(self) -> bool:
        return isinstance(self.cycle, Cycle) and self.cycle.lingers

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _head(self) -> int:
        """Bytes of the request's address and headers."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> str:
        return f"The head of the request is larger than {self._limits.head} bytes."

    def _watch_reader(self) -> None:
        if self._stalled is None:
            self._stalled = self.loop.call_later(self._limits.stall, self.transport.abort)

    def _arm(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(seconds, self._expired)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expired(self) -> None:
        self._deadline = None
        if self.flow.read_paused:  # it is we who do not read
            self._arm(self._limits.receipt)
        elif self._begun:
            self._refuse(408, f"The request did not arrive within {self._limits.receipt:g} seconds.")
        else:
            self.transport.close()

    def _refuse(self, status: int, sentence: str) -> None:
        self._disarm()
        self._refused = True
        answered = self.cycle is not None and self.cycle.response_complete and not (self._whole or self._in_head)
        if answered or self._lingers():
            self._close()  # it was answered before it was whole
            return
        if self._busy():
            started = self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            # An answer is not cut into, and the refusal of a pipelined request is not the answer to the one before.
            if started or self._whole or self._in_head or self.pipeline:
                self.transport.close()
                return
        self.transport.write(_plain(status, sentence))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._deadline = self.loop.call_later(_LINGER, self.transport.abort)
        else:
            self.transport.close()


def subject(certificate: Mapping[str, Any]) -> str:
    """The subject of a certificate, as Python's ssl tells it, in RFC 4514: the most specific part first."""
    parts = [
        "+".join(f"{_SHORT.get(key, key)}={_escaped(value)}" for key, value in names)
        for names in certificate.get("subject", ())
    ]
    return ",".join(reversed(parts))


def _escaped(value: str) -> str:
    value = re.sub(r'([\\,+"<>;=])', r"\\\1", value)
    value = re.sub(r"^([ #])", r"\\\1", value)
    return re.sub(r" $", r"\\ ", value)


def _plain(status: int, sentence: str) -> bytes:
    head = (
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(sentence) + 1}\r\nconnection: close\r\n\r\n"
    )
    return f"{head}{sentence}\n".encode("ascii")
