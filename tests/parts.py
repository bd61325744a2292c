"""Parts of a gateway that a test holds in its hands: a model that waits to be let go, an adapter made of functions."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from adapters.memory import JsonCodec
from gateway.config import parse
from gateway.contract import (
    Call,
    Child,
    Codec,
    Incumbent,
    Model,
    ModelChanged,
    ModelTimeout,
    ModelUnavailable,
    Prediction,
    Raw,
    Row,
    RowError,
    Stage,
)
from gateway.link import Link
from gateway.table import Table, compile_table
from tests.models import SCHEMA

Predict = Callable[[Sequence[Row]], Sequence[Prediction | RowError]]


def by_amount(rows: Sequence[Row]) -> Sequence[Prediction | RowError]:
    """Bad in proportion to the amount up to 2,000; cannot score a negative one."""
    return [
        {"probability_bad": min(row["amount"] / 2000, 1.0)} if row["amount"] >= 0 else RowError("negative")
        for row in rows
    ]


async def until(condition: Callable[[], object], seconds: float = 15) -> None:
    """Returns when the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for is anything at all, so nothing sets an event
            await asyncio.sleep(0.001)


class Scorer:
    """A kind of model. All that it does waits while `gate` is closed; `asked` is the batch sizes so far."""

    def __init__(
        self, predict: Predict = by_amount, tag: str = "scorer:1", schema: Mapping[str, Any] = SCHEMA, *,
        pinned: bool = True,
    ) -> None:  # fmt: skip
        """`pinned`: its tag is known before it is connected; else it is served elsewhere, as `served` says."""
        self.tag = tag if pinned else ""
        self.served = tag
        self.described = schema
        self.settings: object = tag
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked: list[int] = []
        self.connects = 0
        self.closed = 0
        self.away = 0
        """How many more connections are refused."""
        self._predict = predict

    def child(self, socket: str) -> Child | None:
        """In process."""
        return None

    def schema(self) -> Mapping[str, Any]:
        """As given."""
        return self.described

    async def connect(self, socket: str) -> Model:
        """A model that asks this one."""
        self.connects += 1
        await self.gate.wait()
        if self.away:
            self.away -= 1
            raise ModelUnavailable("nobody is there")
        return Connected(self)

    async def predict(self, rows: Sequence[Row], timeout: float) -> Sequence[Prediction | RowError]:
        """What the function says, once the gate is open."""
        self.asked.append(len(rows))
        try:
            async with asyncio.timeout(timeout):
                await self.gate.wait()
        except TimeoutError as error:
            raise ModelTimeout("the gate stayed closed") from error
        return self._predict(rows)


class Connected:
    """A connected model."""

    def __init__(self, scorer: Scorer) -> None:
        self.tag, self.schema = scorer.served, scorer.described
        self._scorer = scorer

    async def predict(self, rows: Sequence[Row], timeout: float) -> Sequence[Prediction | RowError]:
        """What the kind says."""
        await self.confirm()
        return await self._scorer.predict(rows, timeout)

    async def confirm(self) -> None:
        """Looks at the kind, which a test may have changed."""
        if self._scorer.served != self.tag:
            raise ModelChanged(f"{self._scorer.served} answered in place of {self.tag}")

    async def close(self) -> None:
        """Counts."""
        self._scorer.closed += 1


class Old:
    """An incumbent; `asked` is the ids it was sent."""

    def __init__(self, answer: Callable[[Call, float], Awaitable[Raw]]) -> None:
        self.asked: list[str] = []
        self._answer = answer

    async def call(self, call: Call, timeout: float) -> Raw:
        """What the function says."""
        self.asked.append(call.id)
        return await self._answer(call, timeout)


class Source:
    """What the table needs of an adapter, with operations Score and ScoreBatch in JSON."""

    def __init__(self, incumbent: Incumbent | None, ceiling: Stage = Stage.LIVE) -> None:
        self.ceiling = ceiling
        self._incumbent = incumbent

    def codecs(self) -> Mapping[str, Codec]:
        """JSON."""
        return dict.fromkeys(("Score", "ScoreBatch"), JsonCodec())

    def incumbent(self) -> Incumbent | None:
        """As given."""
        return self._incumbent


async def linked(scorer: Scorer) -> Link:
    """A link that is connected."""
    link = Link("scorer", scorer, "")
    await link.connect()
    return link


def compiled(text: str, folder: Path, source: Source, link: Link) -> Table:
    """The route table of a configuration whose adapter is called `old` and whose model `scorer`."""
    loaded = parse(text, folder / "understudy.yaml", {})
    return compile_table(loaded, {"old": source}, {"scorer": link})
