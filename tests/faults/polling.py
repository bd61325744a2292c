"""`python -m tests.faults.polling FOLDER`: one poller's process, with the configuration in that folder, until it ends.

Several share a folder and so a store, as the workers of a gateway do. Nobody observes them: what they did is read in
the legacy database.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.contract import Prediction, Row, RowError
from tests.inprocess import running
from tests.load import until
from tests.models import ByAmount, Saying


class Slow(ByAmount):
    """Takes its time, so that claims are held for longer than a transaction lasts."""

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction | RowError]:
        """One prediction a row, after 20 ms."""
        time.sleep(0.02)
        return super().predict(rows)


def held() -> None:
    """Says in the file `asked` that the model was asked, and returns when the file `go` is there."""
    folder = Path(sys.argv[1])
    (folder / "asked").touch()
    until((folder / "go").exists, "the test to let the model go", 300)


class Late(ByAmount):
    """Answers when it is let."""

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction | RowError]:
        """One prediction a row."""
        held()
        return super().predict(rows)


class Stern(Saying):
    """Answers when it is let, and rejects everybody."""

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction]:
        """One prediction a row, all alike."""
        held()
        return super().predict(rows)


def slow() -> Slow:
    """The factory of a model that agrees with what the tests expect."""
    return Slow("slow:1")


def late() -> Late:
    """The factory of one that agrees and can be held."""
    return Late("late:1")


def stern() -> Stern:
    """The factory of one that contradicts it and can be held."""
    return Stern("stern:1", 0.95)


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Starts such a process; its log is beside the configuration."""
    command = [sys.executable, "-m", "tests.faults.polling", str(folder)]
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
    with (folder / "poller.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


async def _poll(folder: Path) -> None:
    async with running((folder / "understudy.yaml").read_text(), folder, observe=False):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_poll(Path(sys.argv[1])))
