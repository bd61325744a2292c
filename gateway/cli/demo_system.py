"""What the demonstration runs: the legacy service, the model and the gateway, in a folder, each ended by its pid."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine

from gateway.contract import ConfigError, UnderstudyError
from gateway.edit import edit
from gateway.examples.credit.prepare import ROUTE
from gateway.parent import ends_with_parent
from gateway.store.engine import connect

EXAMPLE = "gateway.examples.credit"
PATH = "/soap/loans"
STORE = "sqlite:///.understudy/understudy.db"
START, MOVE, END = 60.0, 90.0, 45.0
"""Seconds that a process may take to be ready, a change of the configuration to be served, a process to end."""
LOOK = 0.05


class DemoFailed(UnderstudyError):
    """Something that the demonstration started does not do its part."""


@contextmanager
def workplace(given: Path | None) -> Iterator[Path]:
    """The given folder, or a new one that is removed afterwards. Raises ConfigError where records are in it."""
    if given is None:
        with tempfile.TemporaryDirectory(prefix="understudy-demo-") as fresh:
            yield Path(fresh)
        return
    store = given.absolute() / ".understudy" / "understudy.db"
    if store.exists():
        raise ConfigError(f"{store} has the records of an earlier run; remove it, or name another --folder")
    yield given.absolute()


@dataclass(slots=True)
class System:
    """The processes of a demonstration; leaving its context ends them, whatever happened."""

    folder: Path
    legacy: str = ""
    """Its address."""
    environment: dict[str, str] = field(default_factory=dict)
    """What the gateway is told beside."""
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> "System":
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the gateway, then the legacy service; the gateway's own children end with it."""
        for process in reversed(self._running.values()):
            process.terminate()
            try:
                process.wait(END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def address(self) -> str:
        """Where callers call the gateway."""
        return str(self._facts()["data"]) + PATH

    @property
    def configuration(self) -> Path:
        """The file that is edited."""
        return self.folder / "understudy.yaml"

    def engine(self) -> Engine:
        """The gateway's store."""
        return connect(STORE, self.folder)

    def start_legacy(self) -> None:
        """Starts the bank's old service on a free port."""
        self._start("legacy", [f"{EXAMPLE}.legacy", "--port", "0"], os.environ)
        self._until("legacy", START, lambda: "\n" in self._log("legacy").read_text())
        self.legacy = self._log("legacy").read_text().split()[1]

    def start_worker(self, module: Sequence[str]) -> None:
        """Starts an old worker, `python -m module`."""
        self._start("worker", module, os.environ)

    def start_gateway(self, model: str) -> None:
        """Starts the gateway with this model, in stage off, on free ports; returns once all of it is ready."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")}
        ours = {
            "UNDERSTUDY_LISTEN": "127.0.0.1:0", "UNDERSTUDY_ADMIN": "127.0.0.1:0", "UNDERSTUDY_STORE": STORE,
            "UNDERSTUDY_LEGACY": self.legacy, "UNDERSTUDY_MODEL": model,
        }  # fmt: skip
        self._write("off", 0)
        command = ["gateway.cli", "serve", "--config", str(self.configuration)]
        self._start("gateway", command, kept | ours | self.environment)
        self._until("gateway", START, lambda: self._serves(self._version()) and self._ready())

    def move(self, stage: str, percent: int) -> None:
        """Edits the configuration, and returns once every process of the gateway serves it."""
        self._write(stage, percent)
        self._until("gateway", MOVE, lambda: self._serves(self._version()))

    def rewrite(self, text: str) -> None:
        """Replaces the configuration whole, and returns once every process of the gateway serves it."""
        self._replace(text)
        self._until("gateway", MOVE, lambda: self._serves(self._version()))

    def legacy_calls(self) -> int:
        """How often the legacy service itself says that it has scored a loan."""
        return int(json.loads(_fetch(self.legacy, "/counts")).get("ScoreLoan", 0))

    def _write(self, stage: str, percent: int) -> None:
        changes: Mapping[tuple[str | int, ...], str | Decimal] = {
            ("routes", ROUTE, "stage"): stage, ("routes", ROUTE, "percent"): Decimal(percent),
        }  # fmt: skip
        self._replace(edit(self.configuration.read_text(), changes))

    def _replace(self, text: str) -> None:
        draft = self.folder / "understudy.yaml.new"
        draft.write_text(text)
        draft.replace(self.configuration)

    def _version(self) -> str:
        return hashlib.sha256(self.configuration.read_bytes()).hexdigest()[:12]

    def _facts(self) -> Mapping[str, Any]:
        """What the gateway says of itself; empty until it does."""
        try:
            facts: Mapping[str, Any] = json.loads((self.folder / ".understudy" / "gateway.json").read_bytes())
        except FileNotFoundError:
            return {}
        return facts if facts["pid"] == self._running["gateway"].pid else {}

    def _serves(self, version: str) -> bool:
        facts = self._facts()
        return bool(facts) and all(facts["serving"].get(name) == version for name in facts["processes"])

    def _ready(self) -> bool:
        """Whether the observer has its store and its model."""
        try:
            status = json.loads(_fetch(self._facts()["admin"], "/status"))
        except (OSError, HTTPException):
            return False
        return not status["problems"] and not any(status["models"].values())

    def _start(self, name: str, module: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts `python -m module`, in a session of its own so that Ctrl-C reaches only us, who then end it."""
        self._log(name).parent.mkdir(parents=True, exist_ok=True)
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(  # nothing here has threads yet, so preparing the child is safe
                [sys.executable, "-m", *module], env=dict(environment), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, preexec_fn=ends_with_parent(signal.SIGTERM), start_new_session=True,
            )  # fmt: skip

    def _log(self, name: str) -> Path:
        return self.folder / ".understudy" / f"{name}.log"

    def _until(self, name: str, seconds: float, condition: Callable[[], bool]) -> None:
        """Returns once the condition holds. Raises DemoFailed with the end of the log if it does not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self._running[name].poll() is not None
            if ended or time.monotonic() > deadline:
                said = "\n".join(self._log(name).read_text().splitlines()[-10:])
                state = "has ended" if ended else f"is not ready after {seconds:g} s"
                raise DemoFailed(f"the {name} {state}; the end of its log:\n{said}")
            time.sleep(LOOK)


def _fetch(address: str, path: str) -> bytes:
    """The body at a path of an http address. Raises OSError or HTTPException."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()
