"""What the AMQP adapter is measured against: the same worker as people write it with other libraries.

`python -m bench.queued aio-pika|faststream|pika PORT QUEUE` answers a queue until it is ended. Each does the same
at-least-once work: it parses the request, decides always alike, publishes a persistent answer to reply_to with the
correlation id, and acknowledges the request once the broker has confirmed the answer.
"""

import asyncio
import json
import sys
from typing import Any

PREFETCH = 300


def answered(body: bytes) -> bytes:
    """The answer: approved, with a constant score."""
    one = json.loads(body)["Application"]
    said = {"ApplicationId": one["Id"], "DecidedOn": one["ReceivedOn"], "Decision": "A", "Score": 750.0}
    return json.dumps({"Result": said | {"Reasons": {"Reason": []}}}).encode()


async def aio_pika(port: int, queue: str) -> None:
    """With aio-pika: every message is a task."""
    import aio_pika as library

    connection = await library.connect_robust(f"amqp://guest:guest@127.0.0.1:{port}/")
    channel = await connection.channel(publisher_confirms=True)
    await channel.set_qos(PREFETCH)

    async def answer(message: Any) -> None:
        made = library.Message(
            answered(message.body), content_type="application/json", correlation_id=message.correlation_id,
            delivery_mode=library.DeliveryMode.PERSISTENT,
        )  # fmt: skip
        await channel.default_exchange.publish(made, message.reply_to)
        await message.ack()

    await (await channel.get_queue(queue)).consume(answer)
    await asyncio.Event().wait()


async def faststream(port: int, queue: str) -> None:
    """With FastStream: a handler and a publication."""
    from faststream import AckPolicy
    from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue

    broker = RabbitBroker(
        f"amqp://guest:guest@127.0.0.1:{port}/", default_channel=Channel(prefetch_count=PREFETCH), logger=None
    )

    async def answer(message: RabbitMessage) -> None:
        await broker.publish(
            answered(message.body), message.reply_to, correlation_id=message.correlation_id, persist=True,
            content_type="application/json",
        )  # fmt: skip
        await message.ack()

    broker.subscriber(RabbitQueue(queue, declare=False), ack_policy=AckPolicy.MANUAL, no_reply=True)(answer)
    await broker.start()
    await asyncio.Event().wait()


async def blocking(port: int, queue: str) -> None:
    """With pika's BlockingConnection, which waits for each confirm."""
    import pika

    channel = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port)).channel()
    channel.confirm_delivery()
    channel.basic_qos(prefetch_count=PREFETCH)
    for method, properties, body in channel.consume(queue):
        made = pika.BasicProperties(
            content_type="application/json", correlation_id=properties.correlation_id, delivery_mode=2
        )  # fmt: skip
        channel.basic_publish("", properties.reply_to, answered(body), made)
        channel.basic_ack(method.delivery_tag)


WORKERS = {"aio-pika": aio_pika, "faststream": faststream, "pika": blocking}

if __name__ == "__main__":
    asyncio.run(WORKERS[sys.argv[1]](int(sys.argv[2]), sys.argv[3]))
