"""An incumbent that takes almost no time: it gives the bytes that the simulated legacy service gave for each request.

`python -m bench.recorded FILE` answers the bodies in FILE (a JSON list) on a free port, which it prints. The simulator
is asked once for each at the start; so what is measured is the gateway, and every answer can still be decoded and
compared.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import uvloop

from gateway.examples.credit.legacy import LoanScoring
from gateway.examples.credit.listener import Request


class Connection(asyncio.Protocol):
    """One connection; requests come one at a time, with a Content-Length."""

    def __init__(self, answers: Mapping[bytes, bytes]) -> None:
        self._answers = answers
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer = data = self._buffer + data if self._buffer else data
        if (end := data.find(b"\r\n\r\n")) < 0:
            return
        at = data.find(b"Content-Length: ", 0, end)
        if len(data) >= end + 4 + int(data[at + 16 : data.index(b"\r\n", at)]):
            self._buffer = b""
            self._transport.write(self._answers[data[end + 4 :]])


def recorded(bodies: list[bytes]) -> Mapping[bytes, bytes]:
    """The simulator's whole HTTP answer to each body."""
    service, answers = LoanScoring(), {}
    for body in bodies:
        response = service(Request("POST", "/loans", {}, body))
        assert response.status == 200, response.body
        head = (
            f"HTTP/1.1 200 OK\r\nServer: LoanHost/2.1\r\nX-Powered-By: Servlet/2.4\r\n"
            f"Content-Type: {response.media}\r\nContent-Length: {len(response.body)}\r\n\r\n"
        )
        answers[body] = head.encode() + response.body
    return answers


async def serve(answers: Mapping[bytes, bytes]) -> None:
    """Serves until it is killed."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answers), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(recorded([body.encode() for body in json.loads(Path(sys.argv[1]).read_text())])))
