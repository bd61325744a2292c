"""The load generator, in a process of its own: keep-alive HTTP/1.1 on raw asyncio, requests encoded beforehand.

`python -m bench.load FILE` reads one JSON order a line (`Order`) and answers each with one JSON line (`Outcome`). FILE
has the bodies to post, as a JSON list; they are sent in turns.

*Closed loop*: every connection sends its next request when it has its answer: that finds the peak. *Open loop*:
requests are due at constant intervals whatever the answers do, and a latency counts from when its request was due,
so that a stall is not hidden by the requests it holds up.
"""

import asyncio
import ctypes
import itertools
import json
import os
import struct
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import uvloop

_LIBC = ctypes.CDLL(None, use_errno=True)
_PATIENCE = 10.0
"""Seconds that the last answers are waited for."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to send. With `rate` 0 as fast as the connections can, else so many requests a second."""

    port: int
    path: str
    connections: int
    seconds: float
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: `calls` answered within the time, `statuses` of all, latencies in milliseconds."""

    calls: int
    seconds: float
    p50: float
    p99: float
    statuses: dict[str, int]

    @property
    def throughput(self) -> float:
        """Answers a second."""
        return self.calls / self.seconds

    @property
    def errors(self) -> int:
        """Answers that were not 200, and requests without any."""
        return sum(self.statuses.values()) - self.statuses.get("200", 0)


class Generator:
    """The process, as the benchmarks have it."""

    def __init__(self, bodies: Sequence[bytes], folder: Path) -> None:
        """`folder` takes the bodies' file."""
        file = folder / "bodies.json"
        file.write_text(json.dumps([body.decode() for body in bodies]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load", str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, order: Order) -> Outcome:
        """Sends as ordered; returns when all answers are there."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()


class Connection(asyncio.Protocol):
    """One connection with one request under way. `done` gets it back with the status; 0 when it was lost."""

    def __init__(self, done: Callable[["Connection", int], None]) -> None:
        self._done = done
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.due:
            self._done(self, 0)

    def send(self, request: bytes, due: float) -> None:
        """Sends a request that was due then."""
        self.due = due
        if self._transport is None:
            self._done(self, 0)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = data = self._buffer + data if self._buffer else data
        if (end := data.find(b"\r\n\r\n")) < 0:
            return
        head = data[:end].lower()
        at = head.find(b"content-length:")
        if len(data) >= end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0]):
            self._buffer = b""
            self._done(self, int(head[9:12]))

    def close(self) -> None:
        """Hangs up."""
        self.due = 0.0
        if self._transport:
            self._transport.close()


class Run:
    """One order on its way."""

    def __init__(self, order: Order, requests: Iterator[bytes]) -> None:
        self._order = order
        self._requests = requests
        self._latencies: list[float] = []
        self._statuses: Counter[str] = Counter()
        self._idle: list[Connection] = []
        self._due: deque[float] = deque()
        self._under_way = 0
        self._end = 0.0
        self._finished = asyncio.Event()

    async def run(self) -> Outcome:
        """The outcome, when the last answer is there."""
        order, loop = self._order, asyncio.get_running_loop()
        for _ in range(order.connections):
            _, one = await loop.create_connection(lambda: Connection(self._done), "127.0.0.1", order.port)
            self._idle.append(one)
        connections = list(self._idle)
        started = time.perf_counter()
        self._end = started + order.seconds
        if order.rate:
            with _ticks(loop, 1 / order.rate, self._tick(started)):
                await asyncio.sleep(order.seconds)
            self._end = 0.0
            self._finish()
        else:
            for one in connections:
                self._send(one, started)
        await asyncio.wait_for(self._finished.wait(), order.seconds + _PATIENCE)
        for one in connections:
            one.close()
        return self._outcome(time.perf_counter() - started)

    def _tick(self, started: float) -> Callable[[int], None]:
        numbers = itertools.count(1)

        def tick(count: int) -> None:
            for number in itertools.islice(numbers, count):
                self._due.append(started + number / self._order.rate)
            while self._due and self._idle:
                self._send(self._idle.pop(), self._due.popleft())

        return tick

    def _send(self, connection: Connection, due: float) -> None:
        self._under_way += 1
        connection.send(next(self._requests), due)

    def _done(self, connection: Connection, status: int) -> None:
        now, due, connection.due = time.perf_counter(), connection.due, 0.0
        self._under_way -= 1
        self._latencies.append(now - due)
        self._statuses[str(status)] += 1
        if now < self._end and not self._order.rate and status:
            self._send(connection, now)
        elif self._due and status:
            self._send(connection, self._due.popleft())
        else:
            self._idle.append(connection)
            self._finish()

    def _finish(self) -> None:
        if time.perf_counter() >= self._end and not self._under_way:
            self._finished.set()

    def _outcome(self, seconds: float) -> Outcome:
        ordered = sorted(self._latencies)
        p50, p99 = (1000 * ordered[len(ordered) * part // 100] for part in (50, 99))
        return Outcome(len(ordered), seconds, p50, p99, dict(self._statuses))


@contextmanager
def _ticks(loop: asyncio.AbstractEventLoop, interval: float, tick: Callable[[int], None]) -> Iterator[None]:
    """Calls `tick` with how often the interval has passed. By a timerfd: the loop's own timers know milliseconds only,
    which would be added to every latency."""
    fd = _LIBC.timerfd_create(1, os.O_NONBLOCK | os.O_CLOEXEC)  # 1: the monotonic clock
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    whole, part = divmod(round(interval * 1e9), 10**9)
    _LIBC.timerfd_settime(fd, 0, struct.pack("@qqqq", whole, part, whole, part), None)
    loop.add_reader(fd, lambda: tick(int.from_bytes(os.read(fd, 8), sys.byteorder)))
    try:
        yield
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def encoded(body: bytes, path: str) -> bytes:
    """The request as a SOAP client of today sends it (zeep's headers)."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: loans.bank.example\r\nUser-Agent: Zeep/4.3.3 (www.python-zeep.org)\r\n"
        "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
        'SOAPAction: "http://bank.example/loans/2004/05/ScoreLoan"\r\nContent-Type: text/xml; charset=utf-8\r\n'
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main() -> None:
    """Obeys until standard input ends."""
    bodies = [body.encode() for body in json.loads(Path(sys.argv[1]).read_text())]
    for line in sys.stdin:
        order = Order(**json.loads(line))
        requests = itertools.cycle([encoded(body, order.path) for body in bodies])
        outcome = uvloop.run(Run(order, requests).run())
        sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
