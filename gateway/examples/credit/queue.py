"""The bank's queue of loan applications: the mainframe that sends EBCDIC records, and the old worker that answers.

`python -m gateway.examples.credit.queue --broker HOST:PORT` runs the worker until it is ended; with `--send N` it is
the mainframe, and says how many of N replies were whose. User and password are UNDERSTUDY_BROKER_USER and _PASSWORD."""

import argparse
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pika

from adapters.formats import Format, build
from adapters.formats.config import CopybookSettings
from gateway.examples.credit.applications import requests
from gateway.examples.credit.scorecard import InvalidApplication, judge

QUEUE, WORKER, REPLIES = "loans", "loans.worker", "mainframe.replies"
FILES = ("loan-request.cpy", "loan-reply.cpy")
PATIENCE = 60.0
"""Seconds that the mainframe waits for all its replies."""
GROUPS = {
    "LR-LOAN": {"LR-AMOUNT": "Amount", "LR-MONTHS": "DurationMonths", "LR-PURPOSE": "Purpose",
                "LR-INSTALLMENT-RATE": "InstallmentRate"},
    "LR-APPLICANT": {"LR-AGE": "Age", "LR-EMPLOYMENT": "Employment", "LR-JOB": "Job", "LR-HOUSING": "Housing",
                     "LR-RESIDENCE-SINCE": "ResidenceSince", "LR-DEPENDENTS": "Dependents",
                     "LR-TELEPHONE": "Telephone"},
    "LR-ACCOUNTS": {"LR-CHECKING": "Checking", "LR-SAVINGS": "Savings", "LR-HISTORY": "History",
                    "LR-EXISTING-CREDITS": "ExistingCredits"},
    "LR-SECURITY": {"LR-OTHER-DEBTORS": "OtherDebtors", "LR-PROPERTY": "Property", "LR-OTHER-PLANS": "OtherPlans"},
}  # fmt: skip
"""The copybook's fields by the scorecard's names."""


@cache
def record(name: str) -> Format:
    """The format of one of the copybooks, in EBCDIC."""
    folder = Path(str(files("gateway.examples.credit")))
    return build(CopybookSettings(type="copybook", file=name, encoding="cp037", initialize=True), folder)


def copybook(name: str) -> bytes:
    """One of the copybooks."""
    return (files("gateway.examples.credit") / name).read_bytes()


def request(application: Mapping[str, Any]) -> bytes:
    """The record of an application, given as the keyword arguments of a SOAP call."""
    one = application["Application"]
    flat = {name: value for group in one.values() if isinstance(group, Mapping) for name, value in group.items()}
    fields: dict[str, Any] = {"LR-ID": one["Id"], "LR-RECEIVED-ON": f"{one['ReceivedOn']:%Y%m%d}"}
    for group, names in GROUPS.items():
        fields[group] = {field: flat[name] for field, name in names.items()}
    return record(FILES[0]).write(fields)


def reply(body: bytes) -> bytes:
    """What the old worker replies to a record; the same each time."""
    fields = record(FILES[0]).read(body)
    day = str(fields["LR-RECEIVED-ON"])
    flat = {"Id": fields["LR-ID"], "ReceivedOn": f"{day[:4]}-{day[4:6]}-{day[6:]}"}
    for group, names in GROUPS.items():
        flat |= {name: str(fields[group][field]) for field, name in names.items()}
    answer: dict[str, Any] = {"LY-ID": flat["Id"]}
    try:
        found = judge(flat)
    except InvalidApplication:
        answer |= {"LY-FAULT": "InvalidApplication"}
    else:
        answer |= {
            "LY-DECISION": found.decision, "LY-SCORE": found.score, "LY-DECIDED-ON": day,
            "LY-REASON": list(found.reasons),
        }  # fmt: skip
    return record(FILES[1]).write(answer)


@dataclass(slots=True, frozen=True)
class Got:
    """A reply as it came."""

    body: bytes
    by: str
    """`candidate`, or empty where the old worker replied."""


class Mainframe:
    """Sends requests and takes the replies; for one thread."""

    def __init__(self, broker: str) -> None:
        """`broker` is HOST:PORT. Declares the bank's queues. Raises AMQPError."""
        self._connection = _connected(broker)
        self._channel = _declared(self._connection.channel())
        self._channel.confirm_delivery()
        self._run = secrets.token_hex(4)  # ids that came before are those of requests that come again
        self._sent = 0

    def ask(self, queue: str, bodies: Sequence[bytes]) -> Sequence[Got]:
        """The replies to these requests, in their order. Raises TimeoutError where one is missing."""
        first, self._sent = self._sent, self._sent + len(bodies)
        for at, body in enumerate(bodies, first):
            properties = pika.BasicProperties(
                reply_to=REPLIES, correlation_id=self._id(at), message_id=self._id(at), delivery_mode=2
            )
            self._channel.basic_publish("", queue, body, properties)
        replies: dict[str, Got] = {}
        deadline = time.monotonic() + PATIENCE
        for method, properties, body in self._channel.consume(REPLIES, auto_ack=True, inactivity_timeout=0.1):
            if method:
                by = (properties.headers or {}).get("x-understudy-by", "")
                replies[properties.correlation_id] = Got(body, str(by))
            if len(replies) == len(bodies):
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(bodies) - len(replies)} of {len(bodies)} replies did not come")
        self._channel.cancel()
        return [replies[self._id(at)] for at in range(first, self._sent)]

    def _id(self, at: int) -> str:
        return f"MF{self._run}{at:08}"

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def work(broker: str, queue: str) -> None:
    """The old worker: replies to each request where it says, until the process is ended."""
    channel = _declared(_connected(broker).channel())
    channel.basic_qos(prefetch_count=20)
    for method, properties, body in channel.consume(queue):
        answer = pika.BasicProperties(correlation_id=properties.correlation_id, app_id="LOANWRK", delivery_mode=2)
        channel.basic_publish("", properties.reply_to, reply(body), answer)
        channel.basic_ack(method.delivery_tag)


def _connected(broker: str) -> Any:
    host, _, port = broker.rpartition(":")
    user, password = (os.environ.get(f"UNDERSTUDY_BROKER_{name}", "guest") for name in ("USER", "PASSWORD"))
    credentials = pika.PlainCredentials(user, password)
    return pika.BlockingConnection(pika.ConnectionParameters(host, int(port), credentials=credentials))


def _declared(channel: Any) -> Any:
    for queue in (QUEUE, WORKER, REPLIES):
        channel.queue_declare(queue, durable=True)
    return channel


def works(broker: str, queue: str) -> bool:
    """Whether somebody takes requests from this queue. Raises AMQPError."""
    found = _connected(broker).channel().queue_declare(queue, passive=True)
    return bool(found.method.consumer_count)


def _send(broker: str, number: int) -> None:
    replies = Mainframe(broker).ask(QUEUE, [request(one) for one in requests()[:number]])
    ours = sum(bool(one.by) for one in replies)
    print(f"{len(replies)} replies: {len(replies) - ours} of the old worker's own, {ours} by the candidate")


def main() -> None:
    """Runs the worker, or what is asked for instead."""
    parser = argparse.ArgumentParser(description="The bank's own loan worker of 1998, simulated.")
    parser.add_argument("--broker", required=True, help="HOST:PORT")
    parser.add_argument("--queue", default=WORKER)
    parser.add_argument("--send", type=int, metavar="N", help="be the mainframe: send N applications, 1,000 at most")
    parser.add_argument("--check", action="store_true", help="exit code 0 where a worker is there, else 1")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if given.check:
        sys.exit(not works(given.broker, given.queue))
    if given.send:
        _send(given.broker, given.send)
    else:
        work(given.broker, given.queue)


if __name__ == "__main__":
    main()
