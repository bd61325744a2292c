"""A worker: serves the fronts on the inherited socket and runs the sources until told to stop, or orphaned."""

import argparse
import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
import uvloop

from gateway import assembly, http
from gateway.burials import Burials
from gateway.certificates import certificates, warnings
from gateway.config import parse
from gateway.contract import ASGI, ConfigError, Stage
from gateway.control import Orders, beat, orders, report
from gateway.dispatch import Dispatch
from gateway.garbage import search_rarely
from gateway.health import health
from gateway.kept import Kept
from gateway.link import Links
from gateway.once import Once
from gateway.pipe import Pipe
from gateway.store.caps import caps
from gateway.store.engine import connect
from gateway.store.model import StoreDown
from gateway.table import compile_table
from gateway.telemetry import Meters, configure_logs

log = structlog.get_logger()

CAPS = 0.5
"""Seconds between two looks at holds and plans."""
FIRST_LOOK = 2.0
"""Seconds that a worker waits for its first look; without the store it then serves what is safe without it."""
WARM = 60.0
"""Seconds that a reload waits for a new model, which the parent has seen ready, before it is put off."""


class Worker:
    """What a worker process consists of."""

    def __init__(self, first: Orders, control: socket.socket) -> None:
        """Reads files and opens no connection. Raises ConfigError."""
        self.loaded = parse(first.text, Path(first.path), os.environ)
        started = parse(first.started, Path(first.path), os.environ)
        self._fixed = started.config
        self._control = control
        self._adapters = assembly.adapters(started)
        self._links = Links(assembly.models(self.loaded), first.models)
        self._engine = connect(self._fixed.store, self.loaded.path.parent)
        self._pipe = Pipe(first.replica, first.observer, self._fixed.observer.buffer)
        table = compile_table(self.loaded, self._adapters, self._links.by_name)
        self._dispatch = Dispatch(
            table, self._pipe, Meters(), Once(self._engine), Kept(self._engine), Burials(self._engine)
        )
        self._looked = asyncio.Event()
        self._stop = asyncio.Event()

    async def serve(self, data: socket.socket, further: AsyncIterator[Orders]) -> None:
        """Serves until told to stop, then finishes what was accepted, within the grace."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop.set)
        self._links.connect()
        adapters = self._adapters.values()
        # Until the holds are known everything is capped at shadow: a restart would move callers back for a moment.
        kept = (self._pipe.keep(), self._watch_caps(), self._obey(further), beat(self._control))
        background = [asyncio.create_task(task) for task in kept]
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK):
                await self._looked.wait()
        self._warn()
        tls = certificates(self._fixed.listen.tls, self.loaded.path.parent)
        server = http.server(self._app(), self._limits(), tls)
        sources = [source for adapter in adapters if (source := adapter.source(self._dispatch))]
        running = [source.run(self._dispatch, self._stop) for source in sources]
        serving = asyncio.ensure_future(asyncio.gather(server.serve([data]), *running))
        report(self._control, serving=self.loaded.version)
        stopped = asyncio.create_task(self._stop.wait())
        ends: list[asyncio.Future[Any]] = [stopped, serving, *background]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        server.should_exit = True
        # What hangs must not outlive the grace: an alarm that nobody handles ends the process.
        signal.alarm(int(self.loaded.config.grace) + 5)
        await serving
        await self._dispatch.finish()
        for task in background:
            task.cancel()
        ended = await asyncio.gather(*background, return_exceptions=True)
        for closing in (*(adapter.close() for adapter in adapters), self._links.close()):
            await closing
        for error in ended:
            if isinstance(error, Exception):
                raise error

    def _app(self) -> ASGI:
        routes: dict[str, ASGI] = dict(health(self._ready))
        for name, adapter in self._adapters.items():
            front = adapter.front(self._dispatch)
            for path, app in (front.routes() if front else {}).items():
                if path in routes:
                    raise ConfigError(f"adapters.{name}: the path {path} is taken already")
                routes[path] = app
        return http.Router(routes)

    def _warn(self) -> None:
        """Says at start what weakens security; every worker does, for itself."""
        sentences = [sentence for adapter in self._adapters.values() for sentence in adapter.warnings()]
        for sentence in (*warnings(self._fixed.listen.tls), *sentences):
            log.warning("weak", reason=sentence)

    def _limits(self) -> http.Limits:
        listen = self._fixed.listen
        return http.Limits(receipt=listen.receipt, head=listen.headers, grace=self.loaded.config.grace)

    def _ready(self) -> Sequence[str]:
        """What is missing: the models of the routes on which a candidate answers."""
        if self._stop.is_set():
            return ["shutting down"]
        return [
            f"model {link.name} of route {bound.route}: {link.problem}"
            for bound in self._dispatch.table.bound.values()
            if bound.settings.stage > Stage.SHADOW and bound.candidate
            if (link := bound.candidate.link).model is None
        ]

    async def _watch_caps(self) -> None:
        """Keeps holds and plans at most half a second old; while the store is down the last known ones stand."""
        down = False
        while True:
            try:
                self._dispatch.caps = await asyncio.to_thread(caps, self._engine)
                down = False
            except StoreDown as error:
                if not down:
                    log.warning("store_down", reason=str(error), known=self._dispatch.caps.known)
                down = True
            self._looked.set()
            await asyncio.sleep(CAPS)

    async def _obey(self, further: AsyncIterator[Orders]) -> None:
        """Reloads whenever the parent says so; returns when the parent is gone."""
        async for order in further:
            try:
                await self._reload(order)
            except ConfigError as error:
                log.error("reload_refused", problems=error.problems)
                report(self._control, refused=str(error))
            else:
                report(self._control, serving=self.loaded.version)

    async def _reload(self, order: Orders) -> None:
        """Swaps routes and models, whole. Raises ConfigError, and then everything stays as it was."""
        loaded = parse(order.text, Path(order.path), os.environ)
        links = Links(assembly.models(loaded), order.models, self._links)
        table = compile_table(loaded, self._adapters, links.by_name)
        answering = {route.candidate for route in loaded.config.routes.values() if route.stage > Stage.SHADOW}
        if missing := await links.connected([name for name in answering if name], WARM):
            await links.close(self._links)
            raise ConfigError(f"models that are to answer are not ready: {', '.join(missing)}; the old table stays")
        before, self._links, self.loaded = self._links, links, loaded
        self._dispatch.table = table
        self._retire(before)

    def _retire(self, before: Links) -> None:
        """Closes what the new table does not use, once the calls that arrived under the old one have ended."""
        successor = self._links
        asyncio.get_running_loop().call_later(
            self.loaded.config.grace, lambda: asyncio.ensure_future(before.close(successor))
        )


async def run(control: socket.socket, data: socket.socket) -> None:
    """A worker's life."""
    further = orders(control)
    first = await anext(further)
    worker = Worker(first, control)
    search_rarely()
    await worker.serve(data, further)


def main() -> None:
    """`python -m gateway.worker`: started by the parent only."""
    options = argparse.ArgumentParser()
    options.add_argument("--control", type=int, required=True)
    options.add_argument("--data", type=int, required=True)
    options.add_argument("--name", required=True)
    given = options.parse_args()
    configure_logs(given.name)
    control, data = socket.socket(fileno=given.control), socket.socket(fileno=given.data)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(control, data))


if __name__ == "__main__":
    main()
