"""Processes as /proc shows them."""

import os
import signal
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
