"""What parent and child tell each other over their socket pair: JSON lines. When it ends, the other one is gone."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson


@dataclass(slots=True, frozen=True)
class Orders:
    """What a child is to serve: the configuration's very text, and on which socket each model listens.

    The text is read once, by the parent, so that no two processes ever serve different halves of an edit."""

    text: str
    path: str
    models: Mapping[str, str]
    run: str
    """Folder of this run's sockets and metrics."""
    replica: str
    started: str
    """The text this gateway was started with: what only a restart changes is read from it, in every process alike."""

    def line(self) -> bytes:
        """One line for the socket."""
        return orjson.dumps(asdict(self)) + b"\n"

    @property
    def observer(self) -> str:
        """The observer's socket."""
        return str(Path(self.run) / "observer.sock")

    @property
    def metrics(self) -> Path:
        """The folder of the metrics of all processes."""
        return Path(self.run) / "metrics"


async def orders(control: socket.socket) -> AsyncIterator[Orders]:
    """The parent's orders, the first at once; ends when the parent is gone."""
    control.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=control, limit=1 << 26)
    try:
        while line := await reader.readline():
            yield Orders(**orjson.loads(line))
    finally:
        writer.close()


BEAT = 1.0
"""Seconds between two signs of life."""


async def beat(control: socket.socket) -> None:
    """Tells the parent again and again, by a report of nothing, that this process's event loop turns."""
    while True:
        report(control)
        await asyncio.sleep(BEAT)


def report(control: socket.socket, **facts: str) -> None:
    """Tells the parent; a parent that does not read is not waited for."""
    try:
        control.send(orjson.dumps(facts) + b"\n", socket.MSG_DONTWAIT)
    except OSError:
        return  # it is behind or gone, the socket maybe closed for that; the end of the orders will tell
