"""The observer's process: the pipe's socket, the judging, the store, and the admin address."""

import argparse
import asyncio
import os
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
import uvloop

from gateway import assembly, http
from gateway.auditing import Auditing
from gateway.books import Books
from gateway.config import Loaded, parse
from gateway.contract import ConfigError, Counts
from gateway.control import Orders, beat, orders, report
from gateway.garbage import search_rarely
from gateway.link import Links
from gateway.lookout import Lookout
from gateway.observer import Observer
from gateway.recorder import Recorder
from gateway.store.engine import connect
from gateway.store.model import Replica, ReplicaState, StoreDown
from gateway.store.replicas import replicas, settle
from gateway.store.retention import (
    ClockJumped,
    gather,
    prune,
    prune_evidence,
    prune_replicas,
    prune_rollups,
    prune_size,
)
from gateway.store.rollups import WIDTHS
from gateway.store.secret import digest, secret
from gateway.store.told import remembered
from gateway.store.writer import Writer
from gateway.table import compile_table
from gateway.telemetry import Meters, configure_logs
from gateway.web.admin import admin

log = structlog.get_logger()
T = TypeVar("T")

SILENT = 60.0
"""Seconds without heartbeat after which a replica is taken for dead; should it live, the store gives it all back."""
PRUNE, PAUSE = 3600.0, 0.2
"""Seconds between two prunings, and between two of one pruning's steps."""
LOOK = 5.0
"""Seconds between two looks of the guards."""
READ_OUT = 5.0
"""Seconds that reading what workers have left may take."""
RETRY = 1.0
"""Seconds between two attempts to reach the store."""


class Observing:
    """What the observer process consists of."""

    def __init__(self, first: Orders, control: socket.socket) -> None:
        """Reads files and opens no connection. Raises ConfigError."""
        self._first = first
        self._control = control
        self._loaded = self._parse(first.text, first.path)
        started = self._parse(first.started, first.path)
        self._fixed = started.config
        Path(first.observer).unlink(missing_ok=True)  # of an observer that died
        codecs = assembly.adapters(started)
        self._adapters = {name: assembly.CodecsOnly(adapter) for name, adapter in codecs.items()}
        self._links = Links(assembly.models(self._loaded), first.models)
        self._table = compile_table(self._loaded, self._adapters, self._links.by_name)
        self._engine = connect(self._fixed.store, self._loaded.path.parent)
        self._replica = Replica(first.replica, socket.gethostname(), os.getpid(), self._loaded.version)
        self._observer: Observer | None = None
        self._recorder: Recorder | None = None
        self._auditing = Auditing(self._engine, self._loaded)
        self._stop = asyncio.Event()
        self._parent = os.getppid()

    async def serve(self, listener: socket.socket, further: AsyncIterator[Orders]) -> None:
        """Observes until told to stop; then judges and writes what it has."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop.set)
        self._links.connect()
        server = http.server(admin(self._missing, self._status, self._first.metrics))
        serving = (server.serve([listener]), self._observe(), self._obey(further), beat(self._control))
        tasks = [asyncio.create_task(one) for one in serving]
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        grace = self._loaded.config.grace
        signal.alarm(int(2 * grace) + 10)
        self._stop.set()
        server.should_exit = True
        if self._observer:
            # The parent has ended the workers before; where it is gone itself, they end within the grace.
            reading = asyncio.create_task(self._observer.read_out())
            patience = READ_OUT if os.getppid() == self._parent else grace
            await asyncio.wait([reading, tasks[1]], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
        tasks[1].cancel()
        ended = await asyncio.gather(*tasks[:2], return_exceptions=True)
        for task in tasks[2:]:
            task.cancel()
        ended += await asyncio.gather(*tasks[2:], return_exceptions=True)
        await self._links.close()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _observe(self) -> None:
        known = await self._begin()
        meters = Meters()
        writer = Writer(self._engine, self._replica)
        key = await self._patiently(partial(secret, self._engine))
        self._recorder = Recorder(self._loaded.config.records, partial(digest, key))
        self._observer = Observer(self._engine, writer, Books(meters, known), self._recorder, self._fixed)
        self._observer.swap(self._table)
        self._listen_to_codecs(meters)
        server = await asyncio.get_running_loop().create_unix_server(self._observer.feed, self._first.observer)
        report(self._control, serving=self._loaded.version)
        tasks = (self._forget(), self._settle_others(), self._auditing.run(), self._guard(meters))
        tidying = [asyncio.create_task(task) for task in tasks]
        try:
            await self._observer.run()
        finally:
            for task in tidying:
                task.cancel()
            server.close()
            await self._sign_off()

    def _listen_to_codecs(self, meters: Meters) -> None:
        """Counts what codecs notice: here every message that is observed is read, once."""
        for name, adapter in self._adapters.items():
            for operation, codec in adapter.codecs().items():
                if isinstance(codec, Counts):
                    codec.noticed = partial(meters.happened, name, operation)

    async def _sign_off(self) -> None:
        """Tells the store that this observer has ended, so that nobody takes it for dead; what it had open is lost."""
        try:
            if lost := await asyncio.to_thread(settle, self._engine, self._replica.id):
                log.error("ended_with_open_calls", lost=lost)
        except StoreDown as error:
            log.error("ended_without_store", reason=str(error))

    async def _settle_others(self) -> None:
        """Books what the observers of other hosts left open when they died for good."""
        while True:
            await asyncio.sleep(SILENT)
            await self._patiently(self._settle)

    async def _forget(self) -> None:
        """Removes what may no longer be kept, in small steps, so that nobody waits long for a lock."""
        while True:
            try:
                for step in self._prunings():
                    while removed := await asyncio.to_thread(step):
                        log.info("pruned", step=step.func.__name__, rows=removed)
                        await asyncio.sleep(PAUSE)
            except (StoreDown, ClockJumped) as error:
                log.warning("not_pruned", reason=str(error))
            await asyncio.sleep(PRUNE)

    def _prunings(self) -> Iterator[partial[int]]:
        """The steps, each to be repeated until nothing is left to do. The first stops all where a clock has jumped."""
        records = self._loaded.config.records
        age = timedelta(seconds=records.age)
        yield partial(prune, self._engine, age)
        yield partial(prune_evidence, self._engine, age)
        if records.size is not None:
            yield partial(prune_size, self._engine, records.size)
        yield partial(prune_rollups, self._engine, timedelta(seconds=records.rollups))
        yield partial(prune_replicas, self._engine, age)
        for width in WIDTHS:
            yield partial(gather, self._engine, width)

    async def _guard(self, meters: Meters) -> None:
        """Has the guards look, and plans move, every few seconds; while the store is down nothing moves."""
        lookout = Lookout(self._engine, meters)
        while True:
            await self._patiently(lambda: lookout.look(self._table))
            await asyncio.sleep(LOOK)

    async def _begin(self) -> Mapping[str, Counter[tuple[str, str]]]:
        """Books what an earlier observer of this gateway left open as lost, and recalls what workers told it."""
        await self._patiently(self._settle)
        return await self._patiently(partial(remembered, self._engine))

    def _settle(self) -> None:
        """Settles the observers that died on this host, and those anywhere that have been silent for long."""
        for one in replicas(self._engine):
            if not one.ended and one.replica.id != self._replica.id and self._is_dead(one):
                log.warning("observer_died", replica=one.replica.id, lost=settle(self._engine, one.replica.id))

    def _is_dead(self, one: ReplicaState) -> bool:
        here, pid = one.replica.host == self._replica.host, one.replica.pid
        # In a container that was restarted, the one before had very likely the number that is ours now.
        return one.age > SILENT or (here and (pid == self._replica.pid or not _runs(pid)))

    async def _patiently(self, step: Callable[[], T]) -> T:
        """The step's result as soon as the store answers."""
        while True:
            try:
                return await asyncio.to_thread(step)
            except StoreDown as error:
                log.warning("store_down", reason=str(error))
                await asyncio.sleep(RETRY)

    async def _obey(self, further: AsyncIterator[Orders]) -> None:
        async for order in further:
            try:
                self._reload(order)
            except ConfigError as error:
                log.error("reload_refused", problems=error.problems)
                report(self._control, refused=str(error))
            else:
                report(self._control, serving=self._loaded.version)

    def _reload(self, order: Orders) -> None:
        """Judges by the new table too. Raises ConfigError, and then everything stays as it was."""
        loaded = self._parse(order.text, order.path)
        links = Links(assembly.models(loaded), order.models, self._links)
        self._table = compile_table(loaded, self._adapters, links.by_name)
        links.connect()
        if self._observer and self._recorder:
            self._observer.swap(self._table)
            self._recorder.use(loaded.config.records)
        before, self._links, self._loaded = self._links, links, loaded
        self._auditing.loaded = loaded
        self._replica.version = loaded.version
        asyncio.get_running_loop().call_later(loaded.config.grace, lambda: asyncio.ensure_future(before.close(links)))

    def _parse(self, text: str, path: str) -> Loaded:
        return parse(text, Path(path), os.environ, withhold=True)

    def _missing(self) -> Sequence[str]:
        if self._observer is None:
            return ["the store has not answered yet"]
        return [self._observer.problem] if self._observer.problem else []

    def _status(self) -> Mapping[str, Any]:
        return {
            "replica": self._replica.id, "version": self._loaded.version, "problems": self._missing(),
            "models": {name: link.problem for name, link in self._links.by_name.items()},
        }  # fmt: skip


def _runs(pid: int) -> bool:
    """Whether the process is there and no zombie: in a container nobody may have reaped it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def run(control: socket.socket, listener: socket.socket) -> None:
    """The observer's life."""
    further = orders(control)
    first = await anext(further)
    observing = Observing(first, control)
    search_rarely()
    await observing.serve(listener, further)


def yield_to_callers(nice: int) -> None:
    """Has the workers go first. Where the kernel schedules by sessions, and each of our processes has its own, a
    process's own niceness counts among the threads of its session only; the session has one too."""
    os.nice(nice)
    with suppress(OSError):  # a kernel that does not do that, or a container that may not say so
        Path("/proc/self/autogroup").write_text(str(nice))


def main() -> None:
    """`python -m gateway.observing`: started by the parent only."""
    options = argparse.ArgumentParser()
    options.add_argument("--control", type=int, required=True)
    options.add_argument("--admin", type=int, required=True)
    options.add_argument("--nice", type=int, required=True)
    given = options.parse_args()
    yield_to_callers(given.nice)
    configure_logs("observer")
    control, listener = socket.socket(fileno=given.control), socket.socket(fileno=given.admin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(control, listener))


if __name__ == "__main__":
    main()
