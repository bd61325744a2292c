"""The way to one model: connects when the model is there, again when it comes back, and says why it is not."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog

from gateway.breaker import Breaker
from gateway.contract import (
    CandidateFailed,
    Model,
    ModelChanged,
    ModelKind,
    ModelUnavailable,
    Prediction,
    Row,
    RowError,
)

log = structlog.get_logger()

STARTING = 10.0
"""Seconds that a model may take to start, or to start again, before it is worth a warning."""
SETTLE = 1.0
"""Seconds before what has taken a model's place is connected: while two are served in turns, not at every call."""
LOOK = 5.0
"""Seconds between two looks at whose model it is that a URL serves, and how long one may take."""


class Link:
    """One model of the configuration as seen from this process; outlives reloads while its tag stays the same."""

    def __init__(self, name: str, kind: ModelKind, socket: str) -> None:
        self.name = name
        self.kind = kind
        self.breaker = Breaker()
        self.problem = "not connected yet"
        self.socket = socket
        self._model: Model | None = None
        self._connecting = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    @property
    def tag(self) -> str:
        """The model's resolved tag; empty until a model reached by URL has told it."""
        return self._model.tag if self._model else self.kind.tag

    @property
    def model(self) -> Model | None:
        """The connected model; None while there is none."""
        return self._model

    @property
    def schema(self) -> Mapping[str, Any]:
        """What travels with the model, as far as it can be told while it is not connected."""
        return (self._model.schema if self._model else self.kind.schema()) or {}

    async def connect(self) -> None:
        """Returns once the model is connected and warm; tries again for as long as it takes."""
        pause, began, told = 0.1, time.monotonic(), ""
        async with self._connecting:  # the links of two configurations may both want this one connected
            while self._model is None:
                try:
                    self._model = await self.kind.connect(self.socket)
                    self.problem = ""
                except ModelUnavailable as error:
                    self.problem = str(error)
                    if time.monotonic() - began >= STARTING and told != self.problem:
                        told = self.problem
                        log.warning("model_unavailable", model=self.name, reason=told)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 2.0)
        if not self.kind.tag and self._looking is None:
            self._looking = asyncio.create_task(self._look())

    async def predict(self, rows: Sequence[Row], timeout: float) -> Sequence[Prediction | RowError]:
        """Predictions aligned with the rows. Raises CandidateFailed, at once while there is no model."""
        if (model := self._model) is None:
            raise ModelUnavailable(f"model {self.name}: {self.problem}")
        if timeout <= 0:
            raise CandidateFailed("no time was left to ask the model")
        try:
            return await model.predict(rows, timeout)
        except ModelChanged as error:
            self._changed(model, error)
            raise

    async def close(self) -> None:
        """Closes the connection."""
        tasks = [task for task in (self._looking, self._renewing) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._model:
            await self._model.close()

    async def _look(self) -> None:
        """Finds out that a URL serves another model even while nobody asks it: to shadow workers send nothing."""
        while True:
            await asyncio.sleep(LOOK)
            if (model := self._model) is None:
                continue
            try:
                async with asyncio.timeout(LOOK):
                    await model.confirm()
            except ModelChanged as error:
                self._changed(model, error)
            except (CandidateFailed, TimeoutError):
                continue  # it is away or busy, which its callers notice by themselves

    def _changed(self, model: Model, error: ModelChanged) -> None:
        """Lets go of the model, which is gone, and connects what has taken its place, once for all who notice."""
        if self._model is model:
            self._model, self.problem = None, str(error)
            log.warning("model_changed", model=self.name, was=model.tag, reason=self.problem)
            self._renewing = asyncio.create_task(self._renew(model))

    async def _renew(self, gone: Model) -> None:
        await gone.close()
        await asyncio.sleep(SETTLE)
        await self.connect()
        log.info("model_connected", model=self.name, tag=self.tag)


class Links:
    """The links of one configuration. Those whose model stays are taken over from the links before."""

    def __init__(
        self, kinds: Mapping[str, ModelKind], sockets: Mapping[str, str], before: "Links | None" = None
    ) -> None:
        """`sockets` by model name; empty for a model that has no process of ours."""
        self.by_name: dict[str, Link] = {}
        self._connecting: dict[str, asyncio.Task[None]] = {}
        kept = before.by_name if before else {}
        for name, kind in kinds.items():
            socket, old = sockets.get(name, ""), kept.get(name)
            same = old is not None and (old.kind.tag, old.kind.settings, old.socket) == (
                kind.tag,
                kind.settings,
                socket,
            )
            self.by_name[name] = old if old and same else Link(name, kind, socket)

    def connect(self) -> None:
        """Begins to connect every model that is not; goes on until each is."""
        for name, link in self.by_name.items():
            if link.model is None and name not in self._connecting:
                self._connecting[name] = asyncio.create_task(link.connect())

    async def connected(self, names: Iterable[str], timeout: float) -> Sequence[str]:
        """Waits until these models are connected, `timeout` seconds at most; returns those that still are not."""
        self.connect()
        tasks = [task for name in names if (task := self._connecting.get(name))]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)
        return [name for name in names if self.by_name[name].model is None]

    async def close(self, successor: "Links | None" = None) -> None:
        """Closes every connection that the successor has not taken over."""
        for task in self._connecting.values():
            task.cancel()
        await asyncio.gather(*self._connecting.values(), return_exceptions=True)
        kept = set(map(id, successor.by_name.values())) if successor else set()
        for link in self.by_name.values():
            if id(link) not in kept:
                await link.close()
