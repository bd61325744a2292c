"""The clients of queues: what they need and how each is started.

A program is called with PORT QUEUE REPLY_TO LISTEN ID BODY: it sends BODY to QUEUE with the correlation id ID, and with
REPLY_TO unless that is `-`; then it takes one message from LISTEN and prints its correlation id, its app_id and its
body, with a space between. What a client cannot tell its users is `-`.
"""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import services
from tests.interop.clients import package, run
from tests.interop.clients import released as last_number
from tests.services import Service

HERE = Path(__file__).parent
VERSION = (
    "echo AMQP_VERSION_MAJOR.AMQP_VERSION_MINOR.AMQP_VERSION_PATCH"
    " | gcc -E -P -include amqp.h -x c - | tail -1 | tr -d ' '"
)
"""The C tools tell no version; their library's header does."""


@dataclass(frozen=True)
class QueueClient:
    """One client library with the program that uses it."""

    name: str
    title: str
    command: Sequence[str]
    release: Sequence[str]
    """Says which release of the library this is."""
    service: Service | None = None
    """None: a development requirement of Python."""
    tells_properties: bool = True
    """Whether its users see properties, the correlation id included."""
    direct: bool = True
    """Whether it can use RabbitMQ's direct reply address."""

    def build(self, folder: Path) -> None:
        """Makes it in a folder."""
        shutil.copytree(HERE, folder, dirs_exist_ok=True)
        if self.service is services.NODE:
            run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"], folder)

    def released(self, folder: Path) -> str:
        """The release of the library."""
        return last_number([word.format(folder=folder) for word in self.release])


CLIENTS = (
    QueueClient("c-tools", "C tools (rabbitmq-c)", ("sh", "client.sh"), ("sh", "-c", VERSION),
                services.AMQP_TOOLS, tells_properties=False, direct=False),
    QueueClient("amqplib", "node amqplib", ("node", "client.js"),
                ("node", "-p", "require('{folder}/node_modules/amqplib/package.json').version"), services.NODE),
    QueueClient("php-amqp", "php-amqp", ("php", "client.php"), ("php", "-r", "echo phpversion('amqp');"),
                services.PHP_AMQP),
    QueueClient("pika", "Python pika", (sys.executable, "client_pika.py"), package("pika")),
    QueueClient("aio-pika", "Python aio-pika", (sys.executable, "client_aio_pika.py"), package("aio-pika")),
)  # fmt: skip
