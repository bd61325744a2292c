"""The gateway that runs beside a configuration, as its parent process describes it in the run-time folder."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SLACK = 10.0
"""Seconds that clocks may disagree."""


@dataclass(slots=True, frozen=True)
class Running:
    """A gateway that runs on this host."""

    pid: int
    version: str
    """Of the configuration that it serves."""
    data: str
    admin: str
    processes: Sequence[str]
    restart: Sequence[str]
    """Sections that were changed since its start and that only a restart takes up."""


def running(folder: Path) -> Running | None:
    """The gateway that left its description in this run-time folder; None where there is none or it has died."""
    path = folder / "gateway.json"
    try:
        facts, written = json.loads(path.read_bytes()), path.stat().st_mtime
        age = _age(facts["pid"])
    except (OSError, ValueError):
        return None
    if age + SLACK < time.time() - written:
        return None  # another process has its number now
    return Running(
        facts["pid"], facts["version"], facts["data"], facts["admin"], sorted(facts["processes"]),
        facts.get("restart_needed", ()),
    )  # fmt: skip


def _age(pid: int) -> float:
    """Seconds that a process has lived. Raises OSError where there is none."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    if after_name[0] == "Z":
        raise ProcessLookupError(f"process {pid} has ended")
    started = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return float(Path("/proc/uptime").read_text().split()[0]) - started
