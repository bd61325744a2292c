"""Child processes: a child that hangs, dies or cannot be started keeps its parent from nothing."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.announcement import NAME, Announcement
from gateway.control import Orders
from gateway.process import Process, Program

READS = """
import socket, sys
lines = socket.socket(fileno=int(sys.argv[1])).makefile("r")
seen = open(sys.argv[2], "w")
for line in lines:
    seen.write(line); seen.flush()
"""
LONG = "#" * 300_000
PATIENCE = 20.0


def orders(number: int) -> Orders:
    return Orders(LONG, f"{number}", {}, "", "", LONG)


def until(condition: Callable[[], bool], child: Process) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        child.tend(lambda: orders(-1))
        time.sleep(0.01)


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Process]:
    """A child that writes down the orders it reads."""
    argv = [sys.executable, "-c", READS, "{control}", str(tmp_path / "seen")]
    process = Process(Program("child", argv, dict(os.environ), signal.SIGKILL))
    process.start(lambda: orders(0))
    yield process
    process.stop(0)
    while not process.gone():
        time.sleep(0.01)
    assert process.control
    process.control.close()


def read(folder: Path) -> list[str]:
    """The paths of the orders that the child has read."""
    seen = folder / "seen"
    return [json.loads(line)["path"] for line in seen.read_text().splitlines(True) if line.endswith("\n")]


def test_a_child_that_hangs_is_not_waited_for_and_hears_the_newest_orders(child: Process, tmp_path: Path) -> None:
    until(lambda: (tmp_path / "seen").exists() and read(tmp_path) == ["0"], child)
    assert child.pid
    os.kill(child.pid, signal.SIGSTOP)
    for number in range(1, 51):
        child.tell(orders(number))  # 15 MB, which no socket takes: telling would wait for ever
    os.kill(child.pid, signal.SIGCONT)
    until(lambda: read(tmp_path)[-1] == "50", child)
    assert len(read(tmp_path)) < 50
    assert [int(one) for one in read(tmp_path)] == sorted(int(one) for one in read(tmp_path))


def test_a_child_that_died_says_so_once_and_is_started_again(child: Process, tmp_path: Path) -> None:
    until(lambda: (tmp_path / "seen").exists(), child)
    old = child.pid
    assert old
    os.kill(old, signal.SIGKILL)
    deaths = 0
    while child.pid in (None, old):
        deaths += child.tend(lambda: orders(1))
        time.sleep(0.01)
    assert deaths == 1
    until(lambda: (tmp_path / "seen").exists() and read(tmp_path) == ["1"], child)


def test_a_child_that_cannot_be_started_is_logged_and_tried_later() -> None:
    nowhere = Process(Program("nowhere", ["/nowhere/program"], {}, signal.SIGKILL))
    with capture_logs() as logs:
        assert not nowhere.tend()
        assert not nowhere.tend()
    assert [line["event"] for line in logs] == ["not_started"]
    assert nowhere.pid is None


def test_an_announcement_that_cannot_be_written_is_logged_and_no_more(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    announcement = Announcement(blocked)
    with capture_logs() as logs:
        announcement.tell({"pid": 1})
        announcement.tell({"pid": 1})
    assert [line["event"] for line in logs] == ["not_announced"]
    blocked.unlink()
    announcement.tell({"pid": 1})
    assert json.loads((blocked / NAME).read_text()) == {"pid": 1}
    announcement.withdraw()
    assert not list(blocked.iterdir())
