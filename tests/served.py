"""`understudy serve` with everything around it, as real processes: what it is made of, and what can be done to it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import gateway.examples.credit as example
from gateway.store import queries
from gateway.store.engine import connect
from gateway.store.model import StoreDown
from tests.legacy import Legacy
from tests.load import MEDIA, PATIENCE, Load, envelopes, get, post, until
from tests.processes import alive, family, send

ROUTE, PATH = "loan_decision", "/soap/loans"
ROOT = Path(__file__).parents[1]
CONSTANT = {"type": "python", "call": "models.local:constant"}
CONSTANT_TAG = "constant:1"
QUIET = 1.6
"""Seconds: a worker tells its counts each second, and the observer writes twice a second."""
STARVED = 300.0
"""Seconds: the observer runs at nice 19, so beside other work it may take minutes for what else takes a second."""
_YAML = YAML(typ="safe")


class Served:
    """A gateway that serves the example in a folder of its own."""

    def __init__(self, folder: Path, legacy: Legacy, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.legacy = legacy
        self.path = folder / "understudy.yaml"
        self.log = folder / "gateway.log"
        self.environment = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
        self.parent: subprocess.Popen[bytes]

    # Its life.

    def start(self, ready: bool = True) -> None:
        """Starts the parent; `ready`: returns when every process serves."""
        program = "from gateway.cli import main; main()"
        command = [sys.executable, "-c", program, "serve", "--config", str(self.path)]
        with self.log.open("ab") as log:
            self.parent = subprocess.Popen(command, cwd=self.folder, env=self.environment, stderr=log)
        until(lambda: self._announced() or self.parent.poll() is not None, "the gateway to listen")
        assert self.parent.poll() is None, self.log.read_text()
        if ready:
            self.ready()

    def ready(self) -> None:
        """Returns when every process serves the configuration in the file, and the data address is ready."""
        until(self._all_serve, "all processes to serve")
        until(lambda: self.get("/readyz")[0] == 200, "the data address to be ready")

    def end(self) -> None:
        """Ends every process by its id, whatever was done to it."""
        family = self.family()
        for pid in family:
            send(pid, signal.SIGCONT)
            send(pid, signal.SIGKILL)
        self.parent.wait()
        until(lambda: not alive(family), "the processes to end")

    def terminate(self) -> int:
        """The exit code after SIGTERM."""
        self.parent.terminate()
        return self.parent.wait(PATIENCE)

    # What it consists of.

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the gateway announces."""
        facts: Mapping[str, Any] = json.loads((self.folder / ".understudy" / "gateway.json").read_bytes())
        return facts

    @property
    def url(self) -> str:
        """The address of the loans."""
        return f"{self.facts['data']}{PATH}"

    def pid(self, name: str) -> int:
        """The id of the `observer`, of `worker-N` or of the `model`, as soon as it runs."""
        until(lambda: self._pid(name), f"{name} to run")
        return self._pid(name) or 0

    def busiest(self) -> str:
        """The worker with the most connections: the kernel may give all of them to one."""
        workers: list[str] = [name for name in self.facts["processes"] if name.startswith("worker-")]
        return max(workers, key=lambda name: len(list(Path(f"/proc/{self.pid(name)}/fd").iterdir())))

    def family(self) -> Sequence[int]:
        """The parent and all its descendants."""
        return family(self.parent.pid)

    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> int:
        """Sends a signal to a process; returns its id."""
        pid = self.pid(name)
        os.kill(pid, sign)
        return pid

    def kill_parent(self) -> None:
        """Kills the parent, which can no longer tell its children anything."""
        self.parent.kill()
        self.parent.wait()

    @contextmanager
    def unattended(self) -> Iterator[None]:
        """The parent is stopped: what dies meanwhile stays dead, however slow the machine is."""
        self.parent.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.parent.send_signal(signal.SIGCONT)

    def restarted(self, name: str, old: int) -> None:
        """Returns when another process has taken the place of `old`, and all serve."""
        until(lambda: self._pid(name) not in (None, old), f"{name} to be restarted")
        until(self._all_serve, "all processes to serve")

    # What can be done to it.

    def content(self) -> Any:
        """The configuration in the file."""
        return _YAML.load(self.path)

    def route(self) -> Any:
        """The route's settings in the file."""
        return self.content()["routes"][ROUTE]

    def edit(self, waiting_for: Sequence[str] = (), **route: Any) -> None:
        """Changes settings of the route in the file and returns when every process, or those named, serve them."""
        content = self.content()
        content["routes"][ROUTE] |= route
        self.write(content)
        until(lambda: self._all_serve(waiting_for), f"all to serve {route}")

    def write(self, content: Any) -> None:
        """Replaces the configuration whole."""
        draft = self.path.with_suffix(".new")
        with draft.open("wb") as file:
            _YAML.dump(content, file)
        draft.replace(self.path)

    def ask_legacy(self, body: bytes, media: str = MEDIA) -> bytes:
        """What the legacy service itself answers."""
        return post(self.legacy.url, body, media)[1]

    def load(self, calls: int, connections: int = 16, persist: bool = True) -> Load:
        """Calls under way: the applications, over and over."""
        return Load(self.url, [envelopes()[at % 1000] for at in range(calls)], connections, persist).start()

    def post(self, body: Any, media: str = MEDIA, **headers: str) -> tuple[int, bytes]:
        """Status and body of one call."""
        return post(self.url, body, media, headers)

    def get(self, path: str, listener: str = "data") -> tuple[int, bytes]:
        """Status and body at a path of the `data` or `admin` address; status 0 where nobody answers."""
        return get(f"{self.facts[listener]}{path}")

    # What it keeps.

    def ledger(self) -> Counter[str]:
        """The route's ledger, which balances at every look; without what is remembered beside the balance."""
        terms = queries.ledger(self.engine, ROUTE)
        assert queries.balance(terms) == 0, terms
        return Counter({term: count for term, count in terms.items() if not term.startswith("told:")})

    def settled(self, before: Mapping[str, int], calls: int) -> Counter[str]:
        """What came to the ledger since, once it has seen so many calls more and not one is undecided."""
        what = f"{calls} calls in the ledger; it has {self._since(before)}"
        until(lambda: self._settled(before, calls), what, STARVED)
        return self._since(before)

    def observed(self) -> None:
        """Returns when a further call is booked: from now on the observer takes what it is shown."""
        before = self.ledger()["sampled_out"]

        def booked() -> bool:
            self.post(envelopes()[0])
            return self.ledger()["sampled_out"] > before

        until(booked, "the observer")

    def quiet(self) -> Counter[str]:
        """The ledger once nothing has come to it for longer than it takes a worker to tell its counts."""
        last, since = self.ledger(), time.monotonic()

        def still() -> bool:
            nonlocal last, since
            if (now := self.ledger()) != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since > QUIET and not last["pending"]

        until(still, "the ledger to come to rest", STARVED)
        return last

    @cached_property
    def engine(self) -> Any:
        """The gateway's store."""
        return connect(_YAML.load(self.path)["store"], self.folder)

    def logged(self, event: str) -> Sequence[Mapping[str, Any]]:
        """The lines of the log about an event."""
        lines = [line for line in self.log.read_text().splitlines() if f'"event": "{event}"' in line]
        return [json.loads(line) for line in lines]

    def metric(self, name: str, /, **labels: str) -> float:
        """The sum of a metric over all processes, where it has these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = self.get("/metrics", "admin")[1].decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if _is(line, name, wanted))

    def _announced(self) -> bool:
        return (self.folder / ".understudy" / "gateway.json").exists() and self.facts["pid"] == self.parent.pid

    def _all_serve(self, names: Sequence[str] = ()) -> bool:
        facts, version = self.facts, self._version()
        return facts["version"] == version and all(
            facts["processes"][name] and facts["serving"].get(name) == version for name in names or facts["processes"]
        )

    def _version(self) -> str:
        from gateway.config import load

        return load(self.path, self.environment).version

    def _pid(self, name: str) -> int | None:
        facts = self.facts
        found = facts["models"].get("credit") if name == "model" else facts["processes"].get(name)
        return int(found) if found else None

    def _since(self, before: Mapping[str, int]) -> Counter[str]:
        now = self.ledger()
        return Counter({term: now[term] - before.get(term, 0) for term in now if now[term] != before.get(term, 0)})

    def _settled(self, before: Mapping[str, int], calls: int) -> bool:
        try:
            since = self._since(before)
        except StoreDown:
            return False
        assert since["seen"] <= calls, since
        return since["seen"] == calls and not since["pending"]


@contextmanager
def served(
    folder: Path, *, stage: str = "shadow", percent: float = 0, workers: int = 1, bento: Path | None = None,
    model: Mapping[str, Any] = CONSTANT, accept: str = CONSTANT_TAG, legacy: Sequence[str] = (), warm: bool = True,
    environment: Mapping[str, str] | None = None, start: bool = True, **changes: Any,
) -> Iterator[Served]:  # fmt: skip
    """The example served. `bento` is a model store with the trained model, else `model` is the `models:` entry.

    `changes` are merged into sections of the configuration. `warm`: returns when a call has been compared."""
    for file in Path(example.__path__[0]).iterdir():
        if file.suffix in (".wsdl", ".xsd", ".yaml"):
            (folder / file.name).write_bytes(file.read_bytes())
    with ExitStack() as stack:
        behind = Legacy(*legacy)
        stack.callback(behind.end)
        own = {"UNDERSTUDY_LISTEN": "127.0.0.1:0", "UNDERSTUDY_ADMIN": "127.0.0.1:0", "UNDERSTUDY_LEGACY": behind.url}
        one = Served(folder, behind, own | dict(environment or {}))
        content = _YAML.load(one.path)
        content |= {"workers": workers, "store": "sqlite:///.understudy/understudy.db"}
        if bento:
            model = {"type": "bentoml", "tag": "credit:latest", "home": str(bento)}
            accept = f"credit:{(bento / 'models' / 'credit' / 'latest').read_text().strip()}"
        content["models"]["credit"] = dict(model)
        content["adapters"]["loans_soap"]["validate"] = "enforce"  # no answer of ours leaves that is not valid
        content["routes"][ROUTE] |= {"stage": stage, "percent": percent, "accept": accept}
        _merge(content, changes)
        one.write(content)
        if start:
            stack.callback(lambda: one.end())
            one.start()
            if warm and stage == "shadow":
                warm_up(one)
        yield one


def warm_up(one: Served) -> None:
    """Returns when the observer compares, which it cannot before its model is connected, and has nothing to do."""
    before = one.ledger()["compared"]

    def compared() -> bool:
        one.post(envelopes()[0])
        return one.ledger()["compared"] > before

    until(compared, "a call to be compared")
    one.quiet()


def _is(line: str, name: str, labels: Sequence[str]) -> bool:
    return line.startswith((f"{name}{{", f"{name} ")) and all(label in line for label in labels)


def _merge(content: Any, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, Mapping) and isinstance(content.get(name), dict):
            _merge(content[name], value)
        else:
            content[name] = value
