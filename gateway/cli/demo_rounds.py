"""The demonstration's calls: many callers at once, and what their bytes say about who answered."""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from gateway.examples.credit.client import Caller, Exchange

Request = Mapping[str, Any]


def play(callers: Sequence[Caller], requests: Sequence[Request], done: Callable[[], None]) -> Sequence[Exchange]:
    """The exchanges, aligned with the requests; the callers share them and call at once. `done` follows each call."""
    exchanges: dict[int, Exchange] = {}
    stop = threading.Event()

    def part(number: int) -> None:
        for index in range(number, len(requests), len(callers)):
            if stop.is_set():
                return
            exchanges[index] = callers[number].score(requests[index])
            done()

    with ThreadPoolExecutor(len(callers)) as pool:
        parts = [pool.submit(part, number) for number in range(len(callers))]
        try:
            for one in parts:
                one.result()
        finally:
            stop.set()  # interrupted, or one has failed: the others need not go on
    return [exchanges[index] for index in range(len(requests))]


@dataclass(slots=True, frozen=True)
class Heard:
    """What the bytes of one round say, compared with legacy's own answers to the very same envelopes."""

    exchanges: Sequence[Exchange]
    own: Sequence[Exchange]

    @property
    def errors(self) -> Sequence[str]:
        """Why calls failed, or were not the calls that legacy was asked directly."""
        found = []
        for exchange, own in zip(self.exchanges, self.own, strict=True):
            if exchange.error:
                found.append(exchange.error)
            elif exchange.request != own.request:
                found.append("the envelope is not the one that legacy was sent directly")
        return found

    @property
    def incumbent(self) -> frozenset[int]:
        """The calls whose answer is legacy's own, byte for byte."""
        pairs = enumerate(zip(self.exchanges, self.own, strict=True))
        return frozenset(index for index, (exchange, own) in pairs if not exchange.error and _same(exchange, own))

    @property
    def candidate(self) -> frozenset[int]:
        """The calls that were answered, and not with legacy's bytes."""
        answered = (index for index, exchange in enumerate(self.exchanges) if not exchange.error)
        return frozenset(answered) - self.incumbent

    def quantile(self, share: float) -> float | None:
        """Milliseconds that this share of the callers waited at most; None where none was answered."""
        waits = sorted(exchange.seconds * 1000 for exchange in self.exchanges if not exchange.error)
        return waits[max(0, math.ceil(share * len(waits)) - 1)] if waits else None


def _same(exchange: Exchange, own: Exchange) -> bool:
    return bool(own.answer) and exchange.answer == own.answer
