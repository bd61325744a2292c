"""A whole gateway in one process: dispatch, pipe, observer and a SQLite store, for tests of what they do together."""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from gateway import assembly
from gateway.books import Books
from gateway.burials import Burials
from gateway.config import Loaded, parse
from gateway.contract import Adapter
from gateway.cutover import Caps
from gateway.dispatch import Dispatch
from gateway.kept import Kept
from gateway.link import Links
from gateway.observer import Observer
from gateway.once import Once
from gateway.pipe import Pipe
from gateway.recorder import Recorder
from gateway.store import queries
from gateway.store.caps import caps
from gateway.store.engine import connect
from gateway.store.migrate import migrate
from gateway.store.model import Replica
from gateway.store.secret import digest, secret
from gateway.store.told import remembered
from gateway.store.writer import Writer
from gateway.table import Table, compile_table
from gateway.telemetry import Meters


class InProcess:
    """What `understudy serve` spreads over processes. A crash of one of them is tested with real ones: tests/faults."""

    def __init__(self, text: str, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "understudy.yaml"
        self.loaded: Loaded = parse(text, self.path, os.environ)
        migrate(self.loaded.config.store, folder)
        self.engine = connect(self.loaded.config.store, folder)
        self.adapters: Mapping[str, Adapter] = assembly.adapters(self.loaded)
        self.links = Links(assembly.models(self.loaded), {})
        self.socket = str(Path(mkdtemp(prefix="understudy-test-")) / "observer.sock")
        self.pipe = Pipe("worker.1", self.socket, self.loaded.config.observer.buffer)
        self.meters = Meters()
        self.dispatch = Dispatch(
            self._table(self.loaded), self.pipe, self.meters, Once(self.engine), Kept(self.engine), Burials(self.engine)
        )
        self.dispatch.caps = Caps(known=True)
        self.stop = asyncio.Event()
        self.sources: list[asyncio.Task[None]] = []
        self.observer: Observer | None = None
        self._starts = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._observing: list[asyncio.Task[None]] = []

    def _table(self, loaded: Loaded) -> Table:
        return compile_table(loaded, self.adapters, self.links.by_name)

    def reload(self, text: str) -> None:
        """Swaps the route table, as a reload does."""
        self.loaded = parse(text, self.path, os.environ)
        self.links = Links(assembly.models(self.loaded), {}, self.links)
        self.links.connect()
        table = self._table(self.loaded)
        if self.observer:
            self.observer.swap(table)
        self.dispatch.table = table

    def look_at_caps(self) -> None:
        """Reads holds and plans, as a worker does twice a second."""
        self.dispatch.caps = caps(self.engine)

    async def observe(self) -> None:
        """Starts an observer on the pipe's socket."""
        self._starts += 1
        replica = Replica(f"test.{self._starts}", "localhost", os.getpid())
        recorder = Recorder(self.loaded.config.records, partial(digest, secret(self.engine)))
        books = Books(Meters(), remembered(self.engine))
        writer = Writer(self.engine, replica)
        self.observer = Observer(self.engine, writer, books, recorder, self.loaded.config)
        self.observer.swap(self.dispatch.table)
        Path(self.socket).unlink(missing_ok=True)  # noqa: ASYNC240  # a test may wait a moment
        server = await asyncio.get_running_loop().create_unix_server(self.observer.feed, self.socket)
        self._observing = [asyncio.create_task(self.observer.run())]
        self._server = server

    async def end_observer(self) -> None:
        """Ends the observer as SIGTERM does: it judges and writes what it has read."""
        self._server.close()
        for task in self._observing:
            task.cancel()
        await asyncio.gather(*self._observing, return_exceptions=True)

    async def until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Waits until the condition holds; fails after `seconds`."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  # what is waited for is anything at all
                await asyncio.sleep(0.02)

    def ledger(self, route: str) -> Counter[str]:
        """The route's ledger in the store, without what is remembered beside the balance."""
        return Counter({t: n for t, n in queries.ledger(self.engine, route).items() if n and not t.startswith("told:")})


@asynccontextmanager
async def running(text: str, folder: Path, *, observe: bool = True) -> AsyncIterator[InProcess]:
    """A gateway whose sources run and whose models are connected."""
    gateway = InProcess(text, folder)
    if observe:
        await gateway.observe()
    keeping = asyncio.create_task(gateway.pipe.keep())
    await gateway.links.connected(list(gateway.links.by_name), 10)
    sources = [s for a in gateway.adapters.values() if (s := a.source(gateway.dispatch))]
    gateway.sources = [asyncio.create_task(source.run(gateway.dispatch, gateway.stop)) for source in sources]
    if observe:
        await gateway.until(lambda: gateway.pipe.connected)
    try:
        yield gateway
    finally:
        gateway.stop.set()
        await asyncio.gather(*gateway.sources)
        await gateway.dispatch.finish()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await gateway.end_observer() if gateway.observer else None
        for adapter in gateway.adapters.values():
            await adapter.close()
        await gateway.links.close()
        shutil.rmtree(Path(gateway.socket).parent)
