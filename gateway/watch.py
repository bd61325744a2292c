"""Tells a hung process from one that is busy or starting, without ever waiting for it."""

import os
import socket
from contextlib import suppress
from pathlib import Path

PROBES = 3
"""Probes that go unanswered in a row before a process that does nothing is taken for hung."""
LONGER = 10
"""How many times as patient the watch is with a process that works, or that starts."""
WORK = 0.01
"""Seconds of processor time between two probes that count as work: a starved process has more, a stopped one none."""
STEP = 0.5
"""Seconds that count between two calls at most: while the parent itself was stopped nobody was silent."""
_REQUEST = b"GET /readyz HTTP/1.1\r\nHost: model\r\nConnection: close\r\n\r\n"
_TICKS = os.sysconf("SC_CLK_TCK")


class Silence:
    """For how long a process has given no sign of life, and what it did meanwhile.

    Hung is who has given none for `patience` seconds and did nothing meanwhile; who works, or waits for a processor, is
    busy and has ten times as long, and so has one that does nothing before its first sign. Who works before that may
    take as long as it likes: models load."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """A new process has started."""
        self._answered = False
        self._silent = self._idle = self._glanced = 0.0
        self._before, self._worked = now, 0.0

    def alive(self) -> None:
        """The process has given a sign of life."""
        self._answered, self._silent, self._idle = True, 0.0, 0.0

    def hung(self, pid: int, now: float) -> bool:
        """Whether the process is to be restarted. Call it several times a second, with the time in seconds."""
        step, self._before = min(now - self._before, STEP), now
        self._silent += step
        self._idle += step
        self._glanced += step
        if self._glanced >= self._patience / PROBES:
            self._glanced = 0.0
            self._glance(pid)
        if not self._answered:
            return self._idle > self._patience * LONGER
        return self._silent > self._patience and (self._idle > self._patience or self._silent > self._patience * LONGER)

    def end(self) -> None:
        """Nothing is open."""

    def _glance(self, pid: int) -> None:
        worked = processor_time(pid)
        if worked - self._worked >= WORK or waits_for_a_processor(pid):
            self._idle = 0.0
        self._worked = worked


class Watch:
    """One process that serves HTTP on a Unix socket. Any answer is a sign of life, whatever it says."""

    def __init__(self, path: str, patience: float) -> None:
        self._path = path
        self._every = patience / PROBES
        self._silence = Silence(patience)
        self._probe: socket.socket | None = None
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """A new process has started."""
        self.end()
        self._silence.begin(now)
        self._asked = now

    def alive(self) -> None:
        """The process has given a sign of life."""
        self._silence.alive()

    def hung(self, pid: int, now: float) -> bool:
        """Whether the process is to be restarted. Call it several times a second, with the time in seconds."""
        if self._heard():
            self.alive()
        if now - self._asked >= self._every:
            self._asked = now
            self._ask()
        return self._silence.hung(pid, now)

    def end(self) -> None:
        """Closes what is open."""
        if self._probe:
            self._probe.close()
            self._probe = None

    def _ask(self) -> None:
        """Sends a new probe; the one before is given up."""
        self.end()
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            probe.connect(self._path)
            probe.send(_REQUEST)
        except OSError:
            probe.close()  # it does not listen yet, or nobody takes its connections
        else:
            self._probe = probe

    def _heard(self) -> bool:
        if self._probe is None:
            return False
        try:
            answered = bool(self._probe.recv(65536))
        except BlockingIOError:
            return False
        except OSError:
            answered = False
        self.end()
        return answered


def processor_time(pid: int) -> float:
    """Seconds of processor time that the process and its threads have taken; 0 for one that is gone."""
    with suppress(OSError):
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(facts[11]) + int(facts[12])) / _TICKS
    return 0.0


def waits_for_a_processor(pid: int) -> bool:
    """Whether any of the process's threads could run now: one that is starved could, one that is stopped cannot."""
    with suppress(OSError):
        return any(_state(file) == "R" for file in Path(f"/proc/{pid}/task").glob("*/stat"))
    return False


def _state(file: Path) -> str:
    with suppress(OSError):  # the thread has ended
        return file.read_text().rpartition(")")[2].split()[0]
    return ""
