"""A request that is held until it has its answer, and each attempt at one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.amqp.config import DIRECT, Operation
from adapters.amqp.consumer import Delivery
from adapters.amqp.message import correlation, octets
from gateway.contract import Call


@dataclass(slots=True, frozen=True)
class Way:
    """Where an answer goes. `own` is whether the caller named the address itself."""

    exchange: str
    routing_key: str
    correlation: Any
    own: bool

    @property
    def direct(self) -> bool:
        """Whether it is a direct reply address."""
        return self.own and self.routing_key.startswith(DIRECT)


def way(operation: Operation, delivery: Delivery) -> Way | None:
    """Where the answer to a request goes; None where nobody wants one."""
    named = correlation(delivery.properties, operation.correlate)
    if address := octets(delivery.properties.reply_to):
        return Way("", address.decode("utf-8", "surrogateescape"), named, True)
    if place := operation.answer:
        return Way(place.exchange, place.routing_key, named, False)
    return None


class Entry:
    """A request that is held."""

    __slots__ = ("_freed", "checked", "delivery", "finished", "leaving", "name", "tries", "way")

    def __init__(self, delivery: Delivery, way: Way | None, name: bytes, freed: Callable[["Entry"], None]) -> None:
        """`freed` is told when it is held no more."""
        self.delivery = delivery
        self.way = way
        self.name = name
        """Names the request, the same when it is delivered again."""
        self.tries = 0
        """Attempts at an answer that failed for a reason of the request's own."""
        self.checked = False
        """Whether it was looked at for having been delivered before."""
        self.leaving = False
        """Whether something goes out for it: then it ends with that."""
        self.finished = False
        self._freed = freed

    def end(self) -> None:
        """It is done with, and acknowledged."""
        self.delivery.acknowledge()
        self.finish()

    def finish(self) -> None:
        """It is held no more; where it was not acknowledged, it is delivered again."""
        if not self.finished:
            self.finished = True
            self._freed(self)


class Attempt(Call):
    """A call of our own queue, with the request that it is an attempt at."""

    __slots__ = ("entry", "reply")

    entry: Entry
    reply: Delivery | None
    """The worker's reply, once it has come: not acknowledged until it is relayed."""
