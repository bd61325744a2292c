"""Processes as /proc shows them."""

import os
import resource
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path


def family(pid: int) -> Sequence[int]:
    """A process and all its descendants."""
    parents = {each: stat[1] for each in _pids() if (stat := _stat(each))}
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if int(parent) == each]
    return found


def alive(pids: Sequence[int]) -> Sequence[int]:
    """Those of the processes that run: a zombie does not, unless a thread of it has yet to end and holds its files."""
    return [pid for pid in pids if (stat := _stat(pid)) and (stat[0] != "Z" or len(_threads(pid)) > 1)]


def send(pid: int, sign: signal.Signals) -> None:
    """Sends a signal to a process that may have ended by itself."""
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return


class Memory:
    """Looks fifty times a second at how much memory a process has (RSS, bytes), for as long as the block lasts."""

    def __init__(self, pid: int) -> None:
        self._file = Path(f"/proc/{pid}/statm")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.first = self.most = self._now()

    @property
    def grown(self) -> int:
        """By how much it has been above the first look, at the most."""
        return self.most - self.first

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            self.most = max(self.most, self._now())

    def _now(self) -> int:
        return int(self._file.read_text().split()[1]) * resource.getpagesize()


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _threads(pid: int) -> Sequence[str]:
    try:
        return [entry.name for entry in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return ()


def _stat(pid: int) -> Sequence[str]:
    """What /proc says of a process after its name: state, parent ...; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ()
