"""One call: python client_aio_pika.py PORT QUEUE REPLY_TO LISTEN ID BODY; see clients.py."""

import asyncio
import sys

import aio_pika
from aio_pika.abc import AbstractIncomingMessage


async def main(port: str, queue: str, reply_to: str, listen: str, named: str, body: str) -> None:
    """Sends the request and prints the one reply."""
    came: asyncio.Future[AbstractIncomingMessage] = asyncio.get_running_loop().create_future()
    connection = await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{port}/")
    async with connection:
        channel = await connection.channel()
        replies = await channel.get_queue(listen, ensure=False)
        await replies.consume(came.set_result, no_ack=True)  # type: ignore[arg-type]  # it may be a plain function
        message = aio_pika.Message(
            body.encode(), content_type="application/json", correlation_id=named,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT, reply_to=None if reply_to == "-" else reply_to,
        )  # fmt: skip
        await channel.default_exchange.publish(message, queue)
        reply = await came
        sys.stdout.write(f"{reply.correlation_id} {reply.app_id} {reply.body.decode()}")


asyncio.run(main(*sys.argv[1:]))
