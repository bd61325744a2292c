"""The demonstration's queue: EBCDIC records as from a mainframe, an old worker, and the stages moved as before."""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Engine

from gateway.cli.demo_figures import settled
from gateway.cli.demo_system import DemoFailed, System
from gateway.cli.demo_tables import Screen
from gateway.examples.credit import sources
from gateway.examples.credit.broker import PROGRAM, Broker
from gateway.examples.credit.prepare import ROUTE
from gateway.store import queries
from gateway.store.model import SEEN

STEPS = (("off", 0), ("shadow", 0), ("canary", 25), ("live", 0))
RECORDS = 200
"""Requests sent in a stage."""


@dataclass(slots=True, frozen=True)
class Shift:
    """One stage: who answered, by the replies themselves."""

    stage: str
    records: int
    worker: int
    """Replies that are the old worker's own, byte for byte."""
    candidate: int
    balanced: bool


@contextmanager
def broker(out: Screen, system: System) -> Iterator[bool]:
    """A private broker with the bank's queues and the old worker, for as long as the block lasts; and the queue in
    the configuration. False where there is no broker to be started, which is said. Raises DemoFailed."""
    missing = "RabbitMQ is not installed here" if not PROGRAM.exists() else ""
    if importlib.util.find_spec("pika") is None:
        missing = 'pika is not installed here (pip install "understudy-gateway[amqp]")'
    if missing:
        out.say(f"{missing}, so the demonstration's queue is left out")
        yield False
        return
    from gateway.examples.credit import queue

    node = Broker(PROGRAM, system.folder / ".understudy" / "broker")
    try:
        _start(node)
        queue.Mainframe(node.address).close()
        system.start_worker(["gateway.examples.credit.queue", "--broker", node.address])
        for name in queue.FILES:
            (system.folder / name).write_bytes(queue.copybook(name))
        system.configuration.write_text(sources.added(system.configuration.read_text(), "queue"))
        system.environment["UNDERSTUDY_BROKER"] = node.address
        yield True
    finally:
        node.stop()


def _start(node: Broker) -> None:
    try:
        node.start()
    except RuntimeError as error:
        raise DemoFailed(str(error)) from error


def play(out: Screen, system: System, engine: Engine, applications: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What there is to tell, as JSON; shown as well. Raises DemoFailed, StoreDown."""
    shifts = []
    with out.progress("the queue, from off to live", len(STEPS)) as done:
        for stage, percent in STEPS:
            system.move(stage, percent)
            shifts.append(shift(system, engine, applications, f"{stage} {percent} %" if percent else stage))
            done()
    rows = [(one.stage, one.records, one.worker, one.candidate) for one in shifts]
    columns = ["stage", "records sent", "the worker's own bytes", "by the candidate"]
    out.table("The mainframe's queue", columns, rows)
    out.say(
        "The same route once more: requests in EBCDIC with packed numbers, by a copybook. In off and shadow the\n"
        "replies are the old worker's own, byte for byte."
    )
    out.say()
    exact = all(one.worker == one.records for one in shifts[:2])
    whole = all(one.worker + one.candidate == one.records and one.balanced for one in shifts)
    nested = shifts[2].candidate <= shifts[3].candidate
    return {"shifts": [asdict(one) for one in shifts], "ok": exact and whole and nested}


def shift(system: System, engine: Engine, applications: Sequence[Mapping[str, Any]], stage: str) -> Shift:
    """Sends the records and looks at the replies, whatever stage is in force. Raises DemoFailed, StoreDown."""
    from gateway.examples.credit import queue

    bodies = [queue.request(one) for one in applications[:RECORDS]]
    before = queries.ledger(engine, ROUTE).get(SEEN, 0)
    mainframe = queue.Mainframe(system.environment["UNDERSTUDY_BROKER"])
    try:
        replies = mainframe.ask(queue.QUEUE, bodies)
    except TimeoutError as error:
        raise DemoFailed(f"the queue: {error}") from error
    finally:
        mainframe.close()
    own = (queue.reply(body) for body in bodies)
    worker = sum(not one.by and one.body == theirs for one, theirs in zip(replies, own, strict=True))
    candidate = sum(one.by == "candidate" for one in replies)
    return Shift(stage, len(bodies), worker, candidate, settled(engine, ROUTE, before + len(bodies)))
