"""A model server of the tests' own, on a real Unix socket: it answers as told and remembers what it was asked."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from models.client import Coalescer
from models.dialect import Records
from models.transport import Http

Answer = Callable[[list[Any]], Awaitable[web.Response]]


def scored(records: Sequence[Any], tag: str = "stub:1") -> web.Response:
    """A right answer: each record comes back."""
    body = orjson.dumps({"model": tag, "predictions": [{"saw": record} for record in records]})
    return web.Response(body=body, content_type="application/json")


class Stub:
    """`answer` may be changed at any time; `requests` holds the records of each POST that arrived."""

    def __init__(self) -> None:
        self.requests: list[list[Any]] = []
        self.probes = 0
        self.answer: Answer = self.right

    async def right(self, records: list[Any]) -> web.Response:
        return scored(records)

    async def predict(self, request: web.Request) -> web.Response:
        records = orjson.loads(await request.read())["records"]
        self.requests.append(records)
        return await self.answer(records)

    async def livez(self, request: web.Request) -> web.Response:
        self.probes += 1
        return web.Response()


@asynccontextmanager
async def serving(*, batch: int = 256, queue: int = 1024, in_flight: int = 1) -> AsyncIterator[tuple[Stub, Coalescer]]:
    """A stub that is up, and a client of it."""
    stub = Stub()
    application = web.Application()
    application.add_routes([web.post("/predict", stub.predict), web.get("/livez", stub.livez)])
    runner = web.AppRunner(application, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    with tempfile.TemporaryDirectory() as folder:
        socket = str(Path(folder) / "model.sock")
        await web.UnixSite(runner, socket).start()
        model = Coalescer(Http.unix(socket), Records(), "stub:1", {}, batch=batch, queue=queue, in_flight=in_flight)
        try:
            yield stub, model
        finally:
            await model.close()
            await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    """Returns once the condition holds; fails after a minute."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # the condition is the client's, which sets no event
            await asyncio.sleep(0.001)
