"""The parent: migrates the store, binds the sockets, starts model, observer and workers, restarts what dies, reloads.

It has no event loop and no threads, so that it can start children safely and has nothing to hang on.
"""

import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import structlog

from gateway import assembly, registry
from gateway.announcement import Announcement
from gateway.config import Loaded, load
from gateway.contract import Child, ConfigError
from gateway.control import Orders
from gateway.link import Link
from gateway.listening import bind, url
from gateway.process import Process, Program
from gateway.store.migrate import migrate
from gateway.store.model import StoreDown
from gateway.table import compile_table, misfits
from gateway.watch import Silence, Watch

log = structlog.get_logger()

TICK = 0.1
LOOK = 0.5
"""Seconds between two looks at the configuration file."""
DRAIN = 10.0
"""Seconds that a model which no table uses any more may take to end."""
WARM_UP = 120.0
"""Seconds that a new model may take to be ready before its configuration is given up."""
FIXED = ("store", "folder", "listen", "workers", "hung_after", "observer", "adapters")
"""Sections that only a restart takes up."""


@dataclass(slots=True)
class Served:
    """One configuration with the processes of its models."""

    loaded: Loaded
    models: dict[str, Process] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    sockets: dict[str, str] = field(default_factory=dict)


class Parent:
    """`understudy serve`. Construction checks the configuration; `run` serves until SIGTERM or SIGINT."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        """Raises ConfigError."""
        registry.ours()
        self._path = path.absolute()
        self._environ = environ
        self._home = os.urandom(6).hex()
        # Not in the folder: its path may be too long for a Unix socket. Made by `run`, so that nothing is left behind.
        self._run = Path(tempfile.gettempdir()) / f"understudy-{self._home}"
        self._metrics = self._run / "metrics"
        self._starts = 0
        self._sockets = 0
        self._stopping = False
        self._migrated = False
        self._next_migration = 0.0
        self._seen = b""
        self._upcoming: Served | None = None
        self._deadline = 0.0
        self._retired: list[tuple[float, Process]] = []
        self._serving: dict[str, str] = {}
        self._first = load(self._path, environ)
        self._adapters = assembly.adapters(self._first)
        self._now = self._prepare(self._first, None)
        self._seen = self._first.text.encode()
        self._announcement = Announcement(self._first.folder)

    def run(self) -> None:
        """Serves; returns when every child has ended."""
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, self._stop)
        listen = self._now.loaded.config.listen
        data, admin = bind(listen.data), bind(listen.admin)
        self._run.mkdir(0o700)  # not before the addresses are ours: a refusal leaves no folder behind
        self._metrics.mkdir()
        self._data, self._admin = url(data), url(admin)
        self._migrate()
        for process in self._now.models.values():
            process.start()
        patience = self._now.loaded.config.hung_after
        self._observer = Process(self._observer_program(admin), Silence(patience))
        self._observer.start(self._orders)
        workers = range(self._now.loaded.config.workers)
        self._workers = [Process(self._worker_program(number, data), Silence(patience)) for number in workers]
        for worker in self._workers:
            worker.start(self._orders)
        log.info("serving", **self._facts())
        next_look = 0.0
        while not self._stopping:
            self._tend()
            self._announcement.tell(self._facts())
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + LOOK
                self._look()
            self._advance()
            time.sleep(TICK)
        data.close()  # or callers who connect while the workers finish would wait for somebody to accept them
        self._end()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _orders(self) -> Orders:
        self._starts += 1
        served = self._now
        replica = f"{self._home}.{self._starts}"
        text, path, run = served.loaded.text, str(self._path), str(self._run)
        return Orders(text, path, served.sockets, run, replica, self._first.text)

    def _tend(self) -> None:
        """Restarts what died, hears what was reported, ends what is retired."""
        for served in filter(None, (self._now, self._upcoming)):
            for process in served.models.values():
                process.tend()
        for process in (self._observer, *self._workers):
            name = process.program.name
            if process.tend(self._orders):
                self._serving.pop(name, None)
            for said in process.heard():
                log.info("reported", process=name, **said)
                self._serving |= {name: said["serving"]} if "serving" in said else {}
        now = time.monotonic()
        if not self._migrated and now >= self._next_migration:
            self._migrate()
        for due, process in self._retired:
            if now >= due and not process.stopping:
                process.stop(DRAIN)
        self._retired = [(due, process) for due, process in self._retired if now < due or not process.gone()]

    def _migrate(self) -> None:
        config = self._now.loaded.config
        try:
            migrate(config.store, self._path.parent)
            self._migrated = True
        except StoreDown as error:
            # Callers do not depend on the store: the gateway serves, capped at shadow, until it is there.
            log.error("store_down", reason=str(error), effect="every route with an incumbent is capped at shadow")
            self._next_migration = time.monotonic() + 2.0

    def _look(self) -> None:
        """Takes up a configuration whose content has changed; a wrong one is refused and the old one stays."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return  # being replaced; looked at again shortly
        if data == self._seen:
            return
        self._seen = data
        try:
            loaded = load(self._path, self._environ)
            self._abandon()
            self._upcoming = self._prepare(loaded, self._now)
        except ConfigError as error:
            log.error("configuration_refused", problems=error.problems, serving=self._now.loaded.version)
            return
        self._deadline = time.monotonic() + WARM_UP
        for name, process in self._upcoming.models.items():
            if self._now.models.get(name) is not process:
                process.start()

    def _prepare(self, loaded: Loaded, before: Served | None) -> Served:
        """Programs for the models that are new; those whose child would be the same are taken over.

        Raises ConfigError for all that a child would refuse too: it could never start again with such orders."""
        if changed := moved(self._first, loaded):
            log.warning("restart_needed", sections=changed)
        served, kinds = Served(loaded), assembly.models(loaded)
        table = compile_table(loaded, self._adapters, {name: Link(name, kind, "") for name, kind in kinds.items()})
        described = {name: found for name, kind in kinds.items() if (found := kind.schema())}
        if wrong := [one for name, found in described.items() for one in misfits(loaded, table, name, found)]:
            raise ConfigError(*wrong)
        for name, kind in kinds.items():
            self._sockets += 1
            socket_path = str(self._run / f"{name}-{self._sockets}.sock")
            if (child := kind.child("{socket}")) is None:
                continue
            served.children[name] = child
            if before and before.children.get(name) == child:
                served.models[name], served.sockets[name] = before.models[name], before.sockets[name]
            else:
                served.sockets[name] = socket_path
                watch = Watch(socket_path, child.hung_after)
                served.models[name] = Process(self._model_program(name, child, socket_path), watch)
        return served

    def _advance(self) -> None:
        """Serves the upcoming configuration as soon as its models are ready."""
        upcoming = self._upcoming
        if upcoming is None:
            return
        waiting = [
            name for name, process in upcoming.models.items()
            if self._now.models.get(name) is not process and not ready(upcoming.sockets[name])
        ]  # fmt: skip
        if waiting and time.monotonic() < self._deadline:
            return
        if waiting:
            log.error("configuration_refused", problems=[f"models not ready: {', '.join(waiting)}"])
            self._abandon()
            return
        before, self._now, self._upcoming = self._now, upcoming, None
        for process in (self._observer, *self._workers):
            process.tell(self._orders())
        due = time.monotonic() + before.loaded.config.grace
        self._retired += [
            (due, process) for process in before.models.values() if process not in upcoming.models.values()
        ]  # fmt: skip
        log.info("reloaded", version=upcoming.loaded.version)

    def _abandon(self) -> None:
        """Ends the models of a configuration that never came to be served."""
        if self._upcoming:
            stale = [one for one in self._upcoming.models.values() if one not in self._now.models.values()]
            self._retired += [(0.0, process) for process in stale]
            self._upcoming = None

    def _model_program(self, name: str, child: Child, path: str) -> Program:
        argv = [word.replace("{socket}", path) for word in child.argv]
        environment = dict(self._environ) | dict(child.environment)
        return Program(
            f"model {name}", argv, environment, signal.SIGKILL, prepare=lambda: Path(path).unlink(missing_ok=True)
        )

    def _observer_program(self, admin: socket.socket) -> Program:
        """The observer, without the environment variables that only adapters need: it holds no legacy credentials."""
        loaded = self._now.loaded
        argv = [sys.executable, "-m", "gateway.observing", "--control", "{control}", "--admin", str(admin.fileno()),
                "--nice", str(loaded.config.observer.nice)]  # fmt: skip
        environment = {name: value for name, value in self._child_environment().items() if name not in loaded.withheld}
        return Program("observer", argv, environment, signal.SIGTERM, [admin])

    def _worker_program(self, number: int, data: socket.socket) -> Program:
        name = f"worker-{number}"
        argv = [sys.executable, "-m", "gateway.worker", "--control", "{control}", "--data", str(data.fileno()),
                "--name", name]  # fmt: skip
        return Program(name, argv, self._child_environment(), signal.SIGTERM, [data])

    def _child_environment(self) -> Mapping[str, str]:
        return dict(self._environ) | {"PROMETHEUS_MULTIPROC_DIR": str(self._metrics)}

    def _facts(self) -> dict[str, Any]:
        """Where this gateway listens, what it serves, and by which processes, for `understudy status`."""
        return {
            "pid": os.getpid(), "data": self._data, "admin": self._admin, "version": self._now.loaded.version,
            "processes": {one.program.name: one.pid for one in (self._observer, *self._workers)},
            "models": {name: process.pid for name, process in self._now.models.items()},
            "serving": dict(self._serving), "restart_needed": moved(self._first, self._now.loaded),
        }  # fmt: skip

    def _end(self) -> None:
        """Lets the workers finish, then the observer write, then the models go."""
        grace = self._now.loaded.config.grace + 10
        models = [*self._now.models.values(), *(process for _, process in self._retired)]
        models += list(self._upcoming.models.values()) if self._upcoming else []
        for group in (self._workers, [self._observer], models):
            for process in group:
                process.stop(grace)
            while sum(not process.gone() for process in group):
                time.sleep(TICK)
        self._announcement.withdraw()
        shutil.rmtree(self._run, ignore_errors=True)


def ready(path: str) -> bool:
    """Whether the model's process on this Unix socket says that it is ready."""
    probe = socket.socket(socket.AF_UNIX)
    probe.settimeout(0.5)
    connection = HTTPConnection("model")
    try:
        probe.connect(path)
        connection.sock = probe
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
        probe.close()


def moved(first: Loaded, now: Loaded) -> list[str]:
    """The sections that were changed since the start and that only a restart takes up."""
    return [name for name in FIXED if _section(now, name) != _section(first, name)]


def _section(loaded: Loaded, name: str) -> object:
    return loaded.adapters if name == "adapters" else getattr(loaded.config, name)
