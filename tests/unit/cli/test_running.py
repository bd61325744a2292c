"""Whether a gateway runs is known from what it left, and from the process table."""

import json
import os
import subprocess
import sys
from pathlib import Path

from gateway.cli.running import running

FACTS = {"version": "v", "data": "http://h:1", "admin": "http://h:2", "processes": {"worker-0": 1, "observer": 2}}


def leave(folder: Path, pid: int) -> None:
    (folder / "gateway.json").write_text(json.dumps(FACTS | {"pid": pid}))


def test_a_gateway_that_runs_is_found_with_its_processes(tmp_path: Path) -> None:
    leave(tmp_path, os.getpid())
    found = running(tmp_path)
    assert found is not None
    assert (found.version, found.processes, found.restart) == ("v", ["observer", "worker-0"], ())


def test_a_gateway_that_was_killed_is_not_running(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL)
    leave(tmp_path, killed.pid)
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
    assert running(tmp_path) is None  # ended, and nobody has asked for its exit code
    killed.wait()
    assert running(tmp_path) is None


def test_another_process_with_the_same_number_is_no_gateway(tmp_path: Path) -> None:
    leave(tmp_path, os.getpid())
    os.utime(tmp_path / "gateway.json", (1, 1))
    assert running(tmp_path) is None


def test_nothing_left_or_nonsense_is_no_gateway(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    (tmp_path / "gateway.json").write_text("{")
    assert running(tmp_path) is None
