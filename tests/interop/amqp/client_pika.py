"""One call: python client_pika.py PORT QUEUE REPLY_TO LISTEN ID BODY; see clients.py."""

import sys

import pika

port, queue, reply_to, listen, named, body = sys.argv[1:]
connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(port)))
channel = connection.channel()


def came(_: object, __: object, properties: pika.BasicProperties, reply: bytes) -> None:
    """Prints the one reply."""
    sys.stdout.write(f"{properties.correlation_id} {properties.app_id} {reply.decode()}")
    channel.stop_consuming()


channel.basic_consume(listen, came, auto_ack=True)
sent = pika.BasicProperties(
    content_type="application/json", correlation_id=named, delivery_mode=2,
    reply_to=None if reply_to == "-" else reply_to,
)  # fmt: skip
channel.basic_publish("", queue, body.encode(), sent)
channel.start_consuming()
connection.close()
