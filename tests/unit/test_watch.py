"""A hung process is told from a busy, a starting and a healthy one. Time is the test's own; processor time is real."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.watch import LONGER, WORK, Silence, Watch, waits_for_a_processor

PATIENCE = 1.5
TICK = 0.1


class Watched:
    """A server that answers when told to, with a process that stands for it, and the watch over both."""

    def __init__(self, folder: Path, pid: int) -> None:
        path = str(folder / "model.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.pid = pid
        self.now = 1000.0
        self.watch = Watch(path, PATIENCE)
        self.watch.begin(self.now)

    def listens(self) -> None:
        self.listener.listen()
        self.listener.setblocking(False)

    def answers(self) -> int:
        """Answers every probe that has come; returns how many."""
        count = 0
        while True:
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                return count
            with connection:
                assert connection.recv(4096).startswith(b"GET /readyz HTTP/1.1\r\n")
                with suppress(BrokenPipeError):  # a probe that was given up
                    connection.send(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")  # not ready, yet alive
            count += 1

    def passes(self, seconds: float, answering: bool = False, working: bool = False) -> float | None:
        """Lets time pass; after how many seconds the process was found hung, if it was."""
        start, worked = self.now, self.now
        while self.now < start + seconds:
            self.now += TICK
            if working and self.now - worked >= PATIENCE / 3:
                worked = self.now
                burn(3 * WORK)
            if self.watch.hung(self.pid, self.now):
                return self.now - start
            if answering:
                self.answers()
        return None


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Watched]:
    """One whose process does nothing at all."""
    process = subprocess.Popen(["sleep", "600"])
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)  # until it is stopped: on a busy machine it still starts
    found = Watched(tmp_path, process.pid)
    yield found
    found.watch.end()
    found.listener.close()
    process.kill()
    process.wait()


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Watched]:
    """One whose process is this one, which works when told to."""
    found = Watched(tmp_path, 0)
    found.pid = os.getpid()
    yield found
    found.watch.end()
    found.listener.close()


def test_one_that_answers_is_never_hung_though_it_does_nothing_else(idle: Watched) -> None:
    idle.listens()
    assert idle.passes(60, answering=True) is None


def test_one_that_has_answered_and_neither_answers_nor_works_any_more_is_hung(idle: Watched) -> None:
    idle.listens()
    assert idle.passes(10, answering=True) is None
    found = idle.passes(60)
    assert found is not None and PATIENCE - 2 * TICK <= found <= PATIENCE + PATIENCE / 2


def test_one_that_works_without_answering_is_busy_and_given_ten_times_as_long(busy: Watched) -> None:
    busy.listens()
    assert busy.passes(10, answering=True) is None
    found = busy.passes(60, working=True)
    assert found is not None and found > PATIENCE * (LONGER - 1)


def test_one_that_answers_in_the_end_was_busy(busy: Watched) -> None:
    busy.listens()
    for _ in range(5):
        assert busy.passes(5 * PATIENCE, working=True) is None
        assert busy.passes(PATIENCE / 2, answering=True) is None


def test_one_that_loads_may_take_as_long_as_it_likes_while_it_works(busy: Watched) -> None:
    assert busy.passes(PATIENCE * LONGER * 2, working=True) is None


def test_one_that_hangs_before_its_first_answer_is_found_too(idle: Watched) -> None:
    found = idle.passes(PATIENCE * LONGER * 2)
    assert found is not None and found > PATIENCE * LONGER


def test_while_the_parent_itself_was_stopped_nobody_was_silent(idle: Watched) -> None:
    idle.listens()
    assert idle.passes(10, answering=True) is None
    idle.now += 3600
    assert idle.passes(PATIENCE / 2) is None
    assert idle.passes(10, answering=True) is None


def test_signs_of_life_that_come_by_themselves_count_as_answers_do(idle: Watched) -> None:
    silence, now = Silence(PATIENCE), 1000.0
    silence.begin(now)
    for _ in range(100):
        now += TICK
        silence.alive()
        assert not silence.hung(idle.pid, now)
    found = [silence.hung(idle.pid, now + TICK * at) for at in range(1, 40)]
    assert PATIENCE / TICK - 2 <= found.index(True) <= PATIENCE / TICK + 2


def test_who_could_run_waits_for_a_processor_and_who_is_stopped_does_not(idle: Watched) -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as runs:
        try:
            assert seen(lambda: waits_for_a_processor(runs.pid))
            runs.send_signal(signal.SIGSTOP)
            assert seen(lambda: not waits_for_a_processor(runs.pid))
        finally:
            runs.kill()
    assert not waits_for_a_processor(idle.pid) and not waits_for_a_processor(runs.pid)


def seen(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_a_full_backlog_keeps_the_watch_from_nothing(idle: Watched) -> None:
    """Given a hung process whose backlog is full, so that not even a connection is taken, it is hung all the same."""
    idle.listens()
    assert idle.passes(10, answering=True) is None
    idle.listener.listen(0)
    crowd = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(4)]
    full = 0
    for one in crowd:
        try:
            one.connect(idle.listener.getsockname())
        except BlockingIOError:
            full += 1
    assert full
    assert idle.passes(60) is not None
    for one in crowd:
        one.close()


def test_a_new_process_is_judged_by_itself(idle: Watched) -> None:
    idle.listens()
    assert idle.passes(10, answering=True) is None
    assert idle.passes(60) is not None
    idle.watch.begin(idle.now)
    assert idle.passes(PATIENCE * (LONGER - 1)) is None
