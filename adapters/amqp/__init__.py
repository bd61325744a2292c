"""AMQP 0-9-1 with RabbitMQ: queue workers replaced without their clients noticing.

One adapter is one virtual host and user, with several queues. Each queue is an operation: its requests are answered by
the gateway, or by the old worker behind it, to wherever the request says or the configuration does.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from adapters.amqp import leaving, probe
from adapters.amqp.broker import Broker
from adapters.amqp.codec import Codec
from adapters.amqp.config import AmqpSettings
from adapters.amqp.dead import DeadLetters
from adapters.amqp.forward import Forward
from adapters.amqp.intake import Intake
from adapters.amqp.source import AmqpSource
from adapters.amqp.tap import Beside, Tapped
from gateway.capabilities import About, DeadLetter, Erased
from gateway.contract import Front, Gateway, Incumbent, Source, Stage
from gateway.settings import Settings


class Amqp:
    """gateway.contract.Adapter, Leaves, Buries and Erases for one virtual host."""

    Settings: ClassVar[type[Settings]] = AmqpSettings
    nameless = True
    """A dead letter is called by a digest."""

    def __init__(self, name: str, settings: AmqpSettings, folder: Path) -> None:
        """Reads what the formats refer to; opens no connection. Raises ConfigError."""
        self._settings = settings
        self._codecs = {operation: Codec(one, folder) for operation, one in settings.operations.items()}
        self._broker = Broker(name, settings, folder)
        forwards = any(one.forward for one in settings.operations.values())
        self._forward = Forward(self._broker, settings.operations) if forwards else None
        named = {one.queue or "": name for name, one in settings.operations.items()}
        self._dead = DeadLetters(Broker(name, settings, folder), named)
        self.ceiling = Stage.SHADOW if settings.taps else Stage.LIVE

    def codecs(self) -> Mapping[str, Codec]:
        """The codec of each operation."""
        return self._codecs

    def incumbent(self) -> Incumbent | None:
        """The old worker; None where requests are not forwarded."""
        return Beside() if self._settings.taps else self._forward

    def front(self, gateway: Gateway) -> Front | None:
        """None: nobody calls over HTTP."""
        return None

    def source(self, gateway: Gateway) -> Source | None:
        """The reader of the queues."""
        intakes, taps = [], []
        for name, one in self._settings.operations.items():
            if one.queue:
                intakes.append(Intake(name, one, self._codecs[name], self._broker, gateway, self._forward))
            if one.tap:
                taps.append(Tapped(name, one, one.tap, self._codecs[name], self._broker, gateway))
        self._broker.gateway = gateway
        return AmqpSource(self._broker, self._settings.operations, intakes, taps, self._forward)

    async def probe(self) -> Sequence[str]:
        """Tries every address, and looks for the queues and exchanges that must be there."""
        return await probe.problems(self._broker)

    def warnings(self) -> Sequence[str]:
        """What is configured and weakens security."""
        return [f"adapters.{self._broker.name}.{sentence}" for sentence in self._settings.weaknesses()]

    async def leave(self, patience: float) -> Sequence[str]:
        """Hands on what our queues still hold, removes them and their bindings, and looks whether they are gone."""
        return await leaving.Leaving(self._broker, self._forward).leave(patience)

    async def dead(self, limit: int) -> tuple[int, Sequence[DeadLetter]]:
        """How many dead letters there are, and the oldest of them."""
        return await self._dead.oldest(limit)

    def resubmit(self, ids: Collection[str] | None) -> AsyncIterator[DeadLetter]:
        """Puts dead letters back into the queues that they came from."""
        return self._dead.resubmit(ids)

    async def erase(self, about: About) -> Erased:
        """Removes the dead letters of one person. Nothing else of the adapter outlasts its delivery."""
        return await self._dead.erase(about, self._codecs)

    async def close(self) -> None:
        """Closes the connections."""
        await self._broker.close()
        await self._dead.close()
