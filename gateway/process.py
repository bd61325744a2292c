"""Child processes: started from lists, ended with the parent, restarted with back-off."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson
import structlog

from gateway.control import Orders
from gateway.parent import ends_with_parent
from gateway.watch import Silence, Watch

log = structlog.get_logger()

SHORTEST, LONGEST, STEADY = 0.1, 10.0, 10.0
"""Seconds of back-off before a restart, and of life after which a child counts as steady."""


@dataclass(slots=True)
class Program:
    """How a child is started. `argv` gets the control socket's number where it says `{control}`."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    orphaned: signal.Signals
    """What it gets when the parent is gone."""
    inherited: Sequence[socket.socket] = ()
    prepare: Callable[[], None] = lambda: None
    """Runs in the parent before each start."""


@dataclass(slots=True, eq=False)
class Process:
    """One child, started again when it dies or, where it is watched, hangs; until `stop`."""

    program: Program
    watch: Watch | Silence | None = None
    control: socket.socket | None = None
    _running: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _due: float = 0.0
    _pause: float = SHORTEST
    stopping: bool = False
    _rest: bytes = b""
    _next: bytes = b""
    _killed_at: float = field(default=float("inf"))

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._running.pid if self._running else None

    def start(self, orders: Callable[[], Orders] | None = None) -> None:
        """Starts the program; with orders it gets a control socket and these as its first line."""
        program = self.program
        program.prepare()
        passed = list(program.inherited)
        theirs: socket.socket | None = None
        if orders is not None:
            self.control, theirs = socket.socketpair()
            self.control.setblocking(False)
            self._rest = self._next = b""
            passed.append(theirs)
        number = str(theirs.fileno()) if theirs else ""
        self._running = subprocess.Popen(  # the parent has no threads, so preparing the child before exec is safe
            [word.replace("{control}", number) for word in program.argv],
            env=dict(program.environment), stdin=subprocess.DEVNULL, pass_fds=[one.fileno() for one in passed],
            preexec_fn=ends_with_parent(program.orphaned), start_new_session=True,
        )  # fmt: skip
        self._started = time.monotonic()
        if self.watch:
            self.watch.begin(self._started)
        if theirs:
            theirs.close()
        if orders is not None:
            self.tell(orders())

    def tell(self, orders: Orders) -> None:
        """Sends orders; a child that is gone is told at its restart, one that hangs when it reads again."""
        if self.control is not None:
            self._next = orders.line()
            self._push()

    def _push(self) -> None:
        """Sends what the child takes without being waited for; of orders it has not begun to take the newest count."""
        while self.control and (self._rest or self._next):
            if not self._rest:
                self._rest, self._next = self._next, b""
            try:
                self._rest = self._rest[self.control.send(self._rest) :]
            except BlockingIOError:
                return
            except OSError:
                log.info("not_told", process=self.program.name)
                self._rest = self._next = b""

    def tend(self, orders: Callable[[], Orders] | None = None) -> bool:
        """Restarts the program when it has died, after a pause that grows while it keeps dying early; kills a hung one.

        Returns whether it has died since the last time."""
        now, died = time.monotonic(), False
        if self._running is not None:
            if (code := self._running.poll()) is None:
                self._push()
                self._end_hung(self._running, now)
                return False
            died = True
            self._bury(now, code)
        if not self.stopping and now >= self._due:
            self._try(orders)
        return died

    def _end_hung(self, running: subprocess.Popen[bytes], now: float) -> None:
        if self.watch and self.watch.hung(running.pid, now):
            log.error("hung", process=self.program.name, pid=running.pid)
            running.kill()
            self.watch.begin(now)

    def _bury(self, now: float, code: int) -> None:
        self._running = None
        if self.control:
            self.control.close()
            self.control = None
        self._pause = SHORTEST if now - self._started > STEADY else min(self._pause * 2, LONGEST)
        self._due = now + self._pause
        if not self.stopping:
            log.warning("died", process=self.program.name, code=code, restart_in=self._pause)

    def _try(self, orders: Callable[[], Orders] | None) -> None:
        try:
            self.start(orders)
        except OSError as error:
            # Too many processes, or no memory: the others must go on, and this one may start later.
            log.error("not_started", process=self.program.name, reason=str(error))
            self._due = time.monotonic() + LONGEST

    def heard(self) -> list[Mapping[str, str]]:
        """What the child has reported since the last time, but for signs of life."""
        try:
            lines = self.control.recv(1 << 20).splitlines() if self.control else []
        except OSError:
            return []
        if lines and self.watch:
            self.watch.alive()
        return [said for line in lines if (said := orjson.loads(line))]

    def stop(self, grace: float) -> None:
        """Asks the program to end; `gone` kills it when the grace (seconds) is over."""
        self.stopping = True
        self._killed_at = time.monotonic() + grace
        if self.watch:
            self.watch.end()
        if self._running:
            self._running.terminate()

    def gone(self) -> bool:
        """Whether the stopped program has ended."""
        if self._running is None or self._running.poll() is not None:
            return True
        if time.monotonic() > self._killed_at:
            self._running.kill()
        return False
