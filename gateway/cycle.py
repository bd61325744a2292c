"""One request and its answer on a connection: uvicorn's, with fewer writes and an end that loses no answer."""

import re
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gateway.contract import Message

_FIELDS = re.compile(
    rb"(?:(?!connection:|transfer-encoding:)[!#$%&'*+.^_`|~0-9a-z-]+: [^\x00-\x08\x0a-\x1f\x7f]*\r\n)*"
).fullmatch
"""Header lines that may be sent as they are: none that frames the answer, and no control characters."""


class Cycle(RequestResponseCycle):
    """uvicorn's, which sends the head of an answer together with its body: one system call and one packet less.

    ASGI lets a server wait for the body's first part. An application that fails before it still gets a 500 out."""

    lingers = False
    """Whether the answer is whole and the request is not, on a connection that ends with it: the protocol ends it."""
    _head: Message | None = None

    async def send(self, message: Message) -> None:  # type: ignore[override]  # the project's type of a message
        """Holds the head until a part of the body is there; what is no plain whole answer is uvicorn's."""
        if message["type"] == "http.response.start" and not self.response_started:
            self._head = message
            self.waiting_for_100_continue = False
            return
        head, self._head = self._head, None
        if head is not None and (plain := self._plain(head, message)) is not None:
            return self._finish(plain)
        if head is not None:
            await super().send(cast(Any, head))
        if not message.get("more_body"):
            self._spare()
        await super().send(cast(Any, message))

    def _plain(self, head: Message, message: Message) -> bytes | None:
        """A whole answer of a stated length; None where there is more to think of, or something is wrong."""
        body: bytes = message.get("body", b"")
        length, lines = b"", b""
        for name, value in head["headers"]:
            name = name.lower()
            if name == b"content-length":
                length = value
            lines += b"%b: %b\r\n" % (name, value)
        if (
            length != b"%d" % len(body)
            or message.get("more_body")
            or self.scope["method"] == "HEAD"
            or self.disconnected or self.flow.write_paused
            or self.default_headers
            or not _FIELDS(lines)
        ):  # fmt: skip
            return None
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        return b"".join((STATUS_LINE[head["status"]], lines, end, body))

    def _spare(self) -> None:
        """Leaves it to the protocol to end a connection over which the request is still coming."""
        if self.more_body and not self.keep_alive:
            self.keep_alive = self.lingers = True  # uvicorn would close, and its head has said so already

    def _finish(self, answer: bytes) -> None:
        self._spare()
        self.response_started = self.response_complete = True
        self.message_event.set()
        self.transport.write(answer)
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
