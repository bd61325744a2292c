"""Tries the brokers of an adapter, and looks for what must be there; changes nothing."""

from collections.abc import Sequence

from adapters.amqp.broker import Broker
from adapters.amqp.channel import Lost, opened, passive
from adapters.amqp.config import Operation, Place
from adapters.amqp.connection import Connection
from adapters.amqp.link import connected, parameters, shut
from gateway.contract import ConfigError

PATIENCE = 4.0
"""Seconds that one broker may take."""


async def problems(broker: Broker) -> Sequence[str]:
    """What is wrong, one sentence each."""
    settings, name = broker.settings, f"adapters.{broker.name}"
    try:
        tls = settings.tls_context(broker.folder)
    except ConfigError as error:
        return [f"{name}.{problem}" for problem in error.problems]
    found: list[str] = []
    looked = False
    for address, one in zip(
        settings.addresses, parameters(settings, tls, f"understudy {broker.name} check"), strict=True
    ):
        try:
            connection, closed = await connected(one, PATIENCE)
        except Lost as error:
            found.append(f"{name}.addresses: {address} cannot be used: {error}")
            continue
        if not looked:
            looked = True
            for operation, wanted in settings.operations.items():
                found += [f"{name}.operations.{operation}.{one}" for one in await _missing(connection, wanted)]
        await shut(connection, closed)
    return found


async def _missing(connection: Connection, operation: Operation) -> Sequence[str]:
    found = []
    wanted = [("queue", operation.queue if not operation.declare else None)]
    if operation.forward:
        wanted += [("forward.routing_key", None if operation.forward.exchange else operation.forward.routing_key)]
        wanted += [("forward.replies", operation.forward.replies)]
    for key, queue in wanted:
        if queue and await passive(connection, queue) is None:
            found.append(f"{key}: there is no queue {queue!r}")
    for key, exchange in _exchanges(operation):
        if exchange and not await _has(connection, exchange):
            found.append(f"{key}: there is no exchange {exchange!r}")
    return found


def _exchanges(operation: Operation) -> Sequence[tuple[str, str]]:
    places: list[tuple[str, Place | None]] = [("answer", operation.answer)]
    places += [(f"bind[{at}]", place) for at, place in enumerate(operation.bind)]
    if operation.tap:
        places += [("tap.requests", operation.tap.requests), ("tap.replies", operation.tap.replies)]
    found = [(f"{key}.exchange", place.exchange) for key, place in places if place]
    return [*found, *([("forward.exchange", operation.forward.exchange)] if operation.forward else [])]


async def _has(connection: Connection, exchange: str) -> bool:
    channel = await opened(connection)
    try:
        await channel.ask(channel.raw.exchange_declare, exchange=exchange, passive=True)
    except Lost:
        return False
    await channel.close()
    return True
