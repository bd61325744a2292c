"""Which requests are for the gateway to answer: not what has expired, was delivered too often, or wants no answer."""

import re
from collections.abc import Sequence

from adapters.amqp.broker import Broker
from adapters.amqp.entry import Entry
from adapters.amqp.message import named, remaining
from adapters.amqp.outgoing import NOBODY, Outgoing
from gateway.contract import Gateway, Stage

COUNTED = 3600.0
"""Seconds that deliveries of a message are counted for."""


def allowed(patterns: Sequence[str]) -> re.Pattern[str]:
    """Matches the whole of an address where one of the patterns does. Only `*` means more than itself."""
    return re.compile("|".join(re.escape(one).replace(r"\*", ".*") for one in patterns) or "(?!)", re.DOTALL)


class Screening:
    """Looks at the requests of one operation before they are answered."""

    def __init__(self, broker: Broker, gateway: Gateway, outgoing: Outgoing) -> None:
        self._broker = broker
        self._gateway = gateway
        self._outgoing = outgoing
        self._allowed = allowed(broker.settings.reply_to)

    async def passed(self, batch: Sequence[Entry], stage: Stage | None) -> list[Entry]:
        """Those that are to be answered; of all others is disposed. `stage` is None where the operation has no route:
        what then passes is to wait for one. Raises Lost."""
        due = [entry for entry in batch if self.is_due(entry)]
        wanted = [entry for entry in due if await self._is_wanted(entry)]
        return [entry for entry in wanted if self._is_ours(entry, stage)]

    def is_due(self, entry: Entry) -> bool:
        """Whether a request is still there and has not expired."""
        left = remaining(entry.delivery, self._broker.settings.age == "timestamp")
        if not entry.delivery.alive:
            entry.finish()
        elif left is not None and left <= 0:
            self._outgoing.count("expired")
            entry.delivery.reject()  # as the broker does with what expires: to the queue's dead letter exchange
            entry.finish()
        return not entry.finished

    async def _is_wanted(self, entry: Entry) -> bool:
        """Whether a request that comes again was not delivered too often, and somebody waits for it. Raises Lost."""
        if not entry.delivery.redelivered or entry.checked:
            return True
        most = self._broker.settings.deliveries
        if await self._deliveries(entry, most) >= most:
            self._outgoing.bury(entry, f"it was delivered {most} times")
        elif entry.way and entry.way.direct and not await self._broker.lives(entry.way.routing_key):
            self._outgoing.count("caller_gone")
            entry.end()
        else:
            entry.checked = True
        return entry.checked

    async def _deliveries(self, entry: Entry, most: int) -> int:
        """How often a request has been delivered: quorum queues count, for the others the store does.

        One that has no name cannot be told from others with the same content, and is not counted there."""
        counted = (entry.delivery.properties.headers or {}).get("x-delivery-count")
        if isinstance(counted, int) or not named(entry.delivery):
            return (counted or 0) + 1
        for number in range(2, most):
            if await self._gateway.once(f"amqp/{self._broker.name}/{number}", entry.name, COUNTED):
                return number
        return most

    def _is_ours(self, entry: Entry, stage: Stage | None) -> bool:
        """Whether the gateway can answer; else a request goes to the worker as it came, or to the dead letters."""
        forward, way = self._outgoing.forward, entry.way
        if stage is None and forward is None:
            return True
        if stage is None:
            why = "no_route"
        elif way is not None and way.own and not self._allowed.fullmatch(way.routing_key):
            why = "reply_to"
        elif way is None and (forward is None or stage > Stage.SHADOW):
            why = "no_reply_to"
        else:
            return True
        if forward:
            self._outgoing.pass_on(entry, why)
        else:
            self._outgoing.bury(entry, NOBODY if way is None else "reply_to is not allowed")
        return False
