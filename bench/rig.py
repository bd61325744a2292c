"""The example's gateway, started for a measurement: incumbent, model, gateway, load generator, and their CPU."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import zeep
from lxml import etree
from sqlalchemy import Engine

import gateway.examples.credit as credit
from bench.figures import Round
from bench.load import Generator, Order
from gateway.edit import Path as Place
from gateway.edit import Value, edit
from gateway.examples.credit.applications import requests
from gateway.store import queries
from gateway.store.engine import connect

PATH = "/soap/loans"
ROUTE = "loan_decision"
_SERVE = "from gateway.cli import app; app()"
_DEADLINE = 120.0
_MODELS = re.compile(r"^models:\n.*?^(?=\S)", re.MULTILINE | re.DOTALL)
_CONSTANT = 'models:\n  credit: {type: python, call: "models.local:constant"}\n\n'


@cache
def messages(count: int = 1000) -> Sequence[bytes]:
    """Real applications as envelopes, byte for byte what zeep sends."""
    client = zeep.Client(str(_files() / "loans.wsdl"))
    made = (client.create_message(client.service, "ScoreLoan", **one) for one in requests()[:count])
    return [etree.tostring(one, xml_declaration=True, encoding="utf-8") for one in made]


def _files() -> Path:
    return Path(credit.__file__).parent


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has taken so far."""
    return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) makes of a process: all of its threads


def until(condition: Callable[[], bool], what: str, log: Path | None = None) -> None:
    """Waits until the condition holds. Raises TimeoutError, with the end of the log."""
    deadline = time.monotonic() + _DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            said = log.read_text()[-2000:] if log else ""
            raise TimeoutError(f"{what} took more than {_DEADLINE:g} s\n{said}")
        time.sleep(0.02)


def example(folder: Path) -> Path:
    """The example's files in a folder; returns its configuration."""
    for file in _files().iterdir():
        if file.suffix in (".wsdl", ".xsd", ".yaml"):
            shutil.copy(file, folder)
    return folder / "understudy.yaml"


class Served:
    """A running gateway. `processes` are the ids of its processes by name."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = folder
        until(lambda: self._serves(""), "starting the gateway", log)
        facts = self._facts()
        self.port = int(facts["data"].rpartition(":")[2])
        models = {f"model {name}": pid for name, pid in facts["models"].items()}
        self.processes: dict[str, int] = {"parent": facts["pid"], **facts["processes"], **models}
        self._engine: Engine = connect("sqlite:///.understudy/understudy.db", folder)

    def stage(self, stage: str) -> None:
        """Moves the route by editing the configuration; returns when observer and worker serve it."""
        path = self._folder / "understudy.yaml"
        text = path.read_text()
        changed = edit(text, {("routes", ROUTE, "stage"): stage})
        if changed == text:
            return
        version = self._facts()["version"]
        path.with_suffix(".new").write_text(changed)
        path.with_suffix(".new").replace(path)
        until(lambda: self._serves(version), f"moving to {stage}")

    def _facts(self) -> dict[str, Any]:
        path = self._folder / ".understudy" / "gateway.json"
        facts: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"version": "", "serving": {}}
        return facts

    def _serves(self, before: str) -> bool:
        """Whether both processes serve one configuration, and another than `before`."""
        facts = self._facts()
        serving = {facts["serving"].get(name) for name in ("observer", "worker-0")}
        return facts["version"] != before and serving == {facts["version"]}

    def ledger(self) -> Mapping[str, int]:
        """The route's ledger in the store."""
        return queries.ledger(self._engine, ROUTE)

    def drained(self, calls: int) -> Mapping[str, int]:
        """The ledger as soon as it has seen so many calls, and not one of them is pending."""
        until(lambda: _settled(self.ledger(), calls), "draining the observer")
        return self.ledger()


def _settled(ledger: Mapping[str, int], calls: int) -> bool:
    return ledger.get("seen", 0) >= calls and not ledger.get("pending")


def measured(processes: Mapping[str, int], generator: Generator, order: Order) -> Round:
    """One round of load, with the CPU of each of these processes."""
    before = {name: cpu(pid) for name, pid in processes.items()}
    outcome = generator.run(order)
    return Round(outcome, {name: cpu(pid) - before[name] for name, pid in processes.items()})


def constant(text: str) -> str:
    """The example's configuration with a constant model in the worker's own process."""
    return _MODELS.sub(_CONSTANT, text)


@contextmanager
def incumbent(folder: Path) -> Iterator[str]:
    """The recorded incumbent's address; needs the generator's file."""
    command = [sys.executable, "-m", "bench.recorded", str(folder / "bodies.json")]
    with running(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/loans"


@contextmanager
def served(
    folder: Path, changes: Mapping[Place, Value], environment: Mapping[str, str],
    rewrite: Callable[[str], str] = str,
) -> Iterator[Served]:  # fmt: skip
    """The example in `folder`, its configuration changed, served by `understudy serve` with free ports."""
    path, log = example(folder), folder / "gateway.log"
    path.write_text(edit(rewrite(path.read_text()), changes))
    own = {"UNDERSTUDY_LISTEN": "127.0.0.1:0", "UNDERSTUDY_ADMIN": "127.0.0.1:0"}
    here = {"PYTHONPATH": str(Path(__file__).parents[1])}
    with ExitStack() as stack, log.open("w") as stderr:
        command = [sys.executable, "-c", _SERVE, "serve", "--config", str(path)]
        process = subprocess.Popen(command, stderr=stderr, env={**os.environ, **here, **own, **environment}, text=True)
        stack.enter_context(running(process))
        yield Served(folder, log)


@contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
