"""Children: restarted with back-off, told without waiting, ended in time, never orphaned."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from structlog.testing import capture_logs

from gateway import process as processes
from gateway.control import Orders
from gateway.process import Process, Program

SLEEPING = ["sleep", "600"]


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=found))
    return found


@pytest.fixture
def child() -> Iterator[Callable[..., Process]]:
    """Makes processes, and ends what is left of them."""
    made: list[Process] = []

    def make(*argv: str, prepare: Callable[[], None] = lambda: None) -> Process:
        made.append(Process(Program("child", argv, os.environ, signal.SIGKILL, prepare=prepare)))
        return made[-1]

    yield make
    for one in made:
        if one._running and one._running.poll() is None:
            one._running.kill()
            one._running.wait()
        if one.control:
            one.control.close()


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def orders(text: str = "routes: {}") -> Orders:
    return Orders(text, "/etc/understudy.yaml", {"credit": "/run/credit.sock"}, "/run", "home.1", text)


def script(code: str) -> Sequence[str]:
    return [sys.executable, "-c", textwrap.dedent(code), "{control}"]


def ended(one: Process) -> None:
    assert one._running
    one._running.wait(20)


def test_a_child_that_dies_is_started_again_after_a_pause_that_grows(
    child: Callable[..., Process], clock: Clock
) -> None:
    starts: list[float] = []
    one = child("true", prepare=lambda: starts.append(clock.now))
    one.start()
    for _ in range(9):
        ended(one)
        died = clock.now
        assert one.tend(), "it says that it died"
        while clock.now < died + 11 and one.pid is None:
            clock.now += 0.02
            assert not one.tend()
    pauses = [round(after - before, 1) for before, after in pairwise(starts)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]


def test_after_a_steady_life_the_pause_is_short_again(child: Callable[..., Process], clock: Clock) -> None:
    one = child("true")
    for life, pause in ((0.0, 0.2), (0.0, 0.4), (11.0, 0.1), (0.0, 0.2)):
        if one.pid is None:
            one.start()
        ended(one)
        clock.now += life
        with capture_logs() as logs:
            one.tend()
        assert [(log["event"], log["code"], log["restart_in"]) for log in logs] == [("died", 0, pause)]
        clock.now += pause
        assert not one.tend() and one.pid


def test_a_child_that_lives_is_left_alone(child: Callable[..., Process]) -> None:
    one = child(*SLEEPING)
    one.start()
    before = one.pid
    assert not one.tend() and one.pid == before


def test_one_that_cannot_be_started_harms_nobody_and_is_tried_again(
    child: Callable[..., Process], clock: Clock
) -> None:
    one = child("true")
    one.start()
    ended(one)
    one.program.argv = ["/nowhere/program"]
    one.tend()
    clock.now += 1
    with capture_logs() as logs:
        one.tend()
    assert [log["event"] for log in logs] == ["not_started"] and one.pid is None
    one.program.argv = SLEEPING
    clock.now += 11
    one.tend()
    assert one.pid


ECHO = """
    import json, os, socket, sys
    control = socket.socket(fileno=int(sys.argv[1]))
    for line in control.makefile():
        control.send(json.dumps({"text": json.loads(line)["text"]}).encode() + b"\\n")
"""


def test_a_child_has_its_orders_first_and_again_when_it_is_restarted(child: Callable[..., Process]) -> None:
    heard: list[str] = []
    texts = iter(("first", "after the death"))

    def text() -> Orders:
        return orders(next(texts))

    def listen() -> list[str]:
        heard.extend(said["text"] for said in one.heard())
        return heard

    one = child(*script(ECHO))
    one.start(text)
    one.tell(orders("second"))
    until(lambda: listen() == ["first", "second"])
    os.kill(one.pid or 0, signal.SIGKILL)
    until(lambda: one.tend(text))
    until(lambda: one.tend(text) or one.pid)
    until(lambda: listen()[2:] == ["after the death"])


def test_a_child_that_hangs_keeps_nobody_and_takes_the_newest_orders_later(child: Callable[..., Process]) -> None:
    one = child(*script(ECHO))
    one.start(orders)
    until(one.heard)
    os.kill(one.pid or 0, signal.SIGSTOP)
    big = "x" * 100_000
    for number in range(50):
        one.tell(orders(f"{number} {big}"))
    os.kill(one.pid or 0, signal.SIGCONT)
    heard: list[str] = []

    def last() -> bool:
        one.tend(orders)
        rest = b"" if one.control is None else received(one)
        heard.append(rest.decode())
        return "49 xxx" in "".join(heard)

    until(last)
    lines = "".join(heard).splitlines()
    assert orjson.loads(lines[0])["text"].startswith("0 "), "what it had begun to take it takes whole"


def received(one: Process) -> bytes:
    assert one.control
    try:
        return one.control.recv(1 << 20)
    except BlockingIOError:
        return b""


def test_a_stopped_child_ends_and_is_not_started_again(child: Callable[..., Process]) -> None:
    one = child(*SLEEPING)
    one.start()
    one.stop(20)
    until(one.gone)
    for _ in range(3):
        one.tend()
        assert one.pid is None


def test_one_that_does_not_end_within_the_grace_is_killed(child: Callable[..., Process], clock: Clock) -> None:
    one = child("sleep", "600")
    one.start()
    os.kill(one.pid or 0, signal.SIGSTOP)  # a stopped process takes SIGTERM only when it goes on
    until(lambda: Path(f"/proc/{one.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    one.stop(5)
    assert not one.gone()
    clock.now += 5.1
    until(one.gone)
    assert one._running and one._running.returncode == -signal.SIGKILL


PARENT = """
    import os, signal, sys, time
    from gateway.process import Process, Program
    one = Process(Program("child", ["sleep", "600"], os.environ, signal.Signals(int(sys.argv[1]))))
    one.start()
    print(one.pid, flush=True)
    time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_kill_9_of_the_parent_ends_the_child(sign: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    argv = [sys.executable, "-c", textwrap.dedent(PARENT), str(int(sign))]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": "."}) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
        parent.wait(20)
        until(lambda: not alive(pid))
