"""The example's legacy service as a process."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Legacy:
    """The simulated legacy service as a process."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "gateway.examples.credit.legacy", "--port", "0", *options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().removeprefix("listening ").strip()
        self._own = self._sockets()

    @property
    def connections(self) -> int:
        """How many connections it has."""
        return self._sockets() - self._own

    def _sockets(self) -> int:
        names = (entry.readlink().name for entry in Path(f"/proc/{self.process.pid}/fd").iterdir())
        return sum(name.startswith("socket:") for name in names)

    def end(self) -> None:
        """Ends it, whatever was done to it."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
