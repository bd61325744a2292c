"""The fetching side: reads the queues of one adapter for as long as the gateway runs."""

import asyncio
from collections.abc import Sequence

from adapters.amqp.broker import Broker
from adapters.amqp.channel import opened
from adapters.amqp.config import Operation
from adapters.amqp.connection import Connection
from adapters.amqp.consumer import LINGER, Consumer
from adapters.amqp.forward import Forward
from adapters.amqp.intake import Intake
from adapters.amqp.tap import Tapped
from gateway.contract import Gateway

WAY_OUT = 10.0
"""Seconds that reading waits for the connection that publishes, before it begins anew."""
MORE = 5
"""Deliveries beyond ours after which the broker itself puts a message aside, should no worker live long enough."""


class AmqpSource:
    """gateway.contract.Source for the queues and taps of one adapter."""

    def __init__(
        self, broker: Broker, operations: dict[str, Operation], intakes: Sequence[Intake], taps: Sequence[Tapped],
        forward: Forward | None,
    ) -> None:  # fmt: skip
        self._broker = broker
        self._operations = operations
        self._intakes = intakes
        self._taps = taps
        self._forward = forward
        self._consumers = [
            Consumer(operations[one.operation].queue or "", broker.settings.prefetch, one.take, broker.handed_over)
            for one in intakes
        ]
        broker.writing_ready.append(self._have_dead_letters)
        broker.reading_ready.append(self._prepare)

    async def run(self, gateway: Gateway, stop: asyncio.Event) -> None:
        """Reads until `stop` is set; then what is being answered is answered, and all else goes back to its queue.

        At least once: a request is acknowledged only when its answer, or the request itself in the worker's queue or
        among the dead letters, is confirmed by the broker. Raises a defect of ours, and then all is delivered again."""
        for link in (self._broker.writing, *([self._broker.reading] if self._intakes or self._taps else [])):
            link.start()
        stopped = asyncio.ensure_future(stop.wait())
        defects: list[BaseException] = []

        def failed(error: BaseException) -> None:
            defects.append(error)
            stopped.cancel()

        for intake in self._intakes:
            intake.failed = failed
        try:
            await asyncio.wait([stopped])
        finally:
            stopped.cancel()
        if defects:
            await self._broker.close()
            raise defects[0]
        await self._stop()

    async def _stop(self) -> None:
        for consumer in self._consumers:
            await consumer.stop()
        for tap in self._taps:
            await tap.stop()
        for intake in self._intakes:
            intake.stop()
        if self._forward:
            self._forward.abandon()
            await self._forward.stop()
        while any(intake.busy for intake in self._intakes) or any(tap.busy for tap in self._taps):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # it ends with whichever confirm is the last: nothing sets one event for that
        await asyncio.sleep(LINGER)  # by then the last acknowledgements are given
        handed_over = asyncio.Event()
        self._broker.handed_over(handed_over.set)
        await handed_over.wait()
        await self._broker.close()

    async def _prepare(self, connection: Connection) -> None:
        """Has the queues that are ours there, and reads all, once there is a way out for the answers. Raises Lost."""
        await self._broker.writing.connection(WAY_OUT)
        for operation in self._operations.values():
            if operation.declare and operation.queue:
                await self._declare(connection, operation)
        for tap in self._taps:
            await tap.prepare(connection)
        for consumer in self._consumers:
            await consumer.start(connection)

    async def _have_dead_letters(self, connection: Connection) -> None:
        channel = await opened(connection)
        await channel.ask(
            channel.raw.queue_declare, queue=self._broker.dead_letters, durable=True,
            arguments={"x-queue-type": "quorum"},
        )  # fmt: skip
        await channel.close()

    async def _declare(self, connection: Connection, operation: Operation) -> None:
        channel = await opened(connection)
        arguments: dict[str, str | int | None] = {
            "x-queue-type": operation.declare, "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self._broker.dead_letters,
        }  # fmt: skip
        if operation.declare == "quorum":
            arguments["x-delivery-limit"] = self._broker.settings.deliveries + MORE
        await channel.ask(channel.raw.queue_declare, queue=operation.queue, durable=True, arguments=arguments)
        for place in operation.bind:
            await channel.ask(
                channel.raw.queue_bind, queue=operation.queue, exchange=place.exchange, routing_key=place.routing_key
            )
        await channel.close()
