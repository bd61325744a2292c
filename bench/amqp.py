"""What a queue's answers cost: replies a second and waiting, against workers by hand with other libraries, one in C.

`python -m bench.amqp` prints the figures as JSON. Goals, with recording off: at least 3 times aio-pika, 6 times
FastStream, 3 times pika's BlockingConnection; with recording on 0.75 of that; 0.4 of the worker in C is aimed at. One
message at a time: p50 at most twice that of C.

All answer the same constant on one private broker, each a queue of its own, in turns. The load and the worker in C are
`rpc.c` on librabbitmq. The figure's CPU is that of the process that answers.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika

from bench import rig
from bench.figures import Round, ratio, result
from bench.load import Outcome
from gateway.edit import Path as Place
from gateway.edit import Value
from gateway.examples.credit.applications import requests
from tests.services import RABBITMQ, Rabbitmq, running_rabbitmq

AREA = "amqp"
ROUNDS = 5
SECONDS = 2.0
WINDOW = 1000
MANY, ONE = "RPC, 1,000 under way", "RPC, one at a time"
OURS, RECORDING, CEILING = "understudy", "understudy, recording", "C, librabbitmq"
GOALS = {"aio-pika": 3.0, "faststream": 6.0, "pika": 3.0, CEILING: 0.4}
"""Replies a second of ours over theirs."""
REPLIES = "reply.bench"


@dataclass(slots=True, frozen=True)
class Contender:
    """A worker that answers a queue."""

    queue: str
    pid: int


class Bench:
    """A broker, the programs in C, and the bodies of the requests."""

    def __init__(self, node: Rabbitmq, folder: Path) -> None:
        """Raises CalledProcessError where the C file cannot be compiled."""
        self.node, self.folder = node, folder
        self.program = str(folder / "rpc")
        source = str(Path(__file__).with_name("rpc.c"))
        subprocess.run(["gcc", "-O2", "-o", self.program, source, "-lrabbitmq"], check=True)
        self.bodies = folder / "bodies"
        self.bodies.write_text("".join(json.dumps(one, default=str) + "\n" for one in requests()))
        self.declare(REPLIES)

    def declare(self, queue: str) -> str:
        """A durable queue."""
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.node.port))
        connection.channel().queue_declare(queue, durable=True)
        connection.close()
        return queue

    def measured(self, contender: Contender, window: int, seconds: float) -> Round:
        """One round of load. Raises CalledProcessError where a reply stays out."""
        before = rig.cpu(contender.pid)
        command = [self.program, "load", str(self.node.port), contender.queue, REPLIES, str(self.bodies)]
        said = subprocess.run([*command, str(window), str(seconds)], check=True, capture_output=True, text=True).stdout
        count, took, p50, p99 = said.split()
        cpu = {"worker": rig.cpu(contender.pid) - before}
        return Round(Outcome(int(count), float(took), float(p50), float(p99), {"200": int(count)}), cpu)

    @contextmanager
    def ours(self, name: str, observe: str) -> Iterator[Contender]:
        """The example in stage live with a constant model and a queue of JSON."""
        folder, queue = self.folder / name, self.declare(name)
        folder.mkdir()
        adapter = f"""adapters:
  loans_amqp:
    {{type: amqp, addresses: ["amqp://{self.node.address}"], user: guest, password: guest, reply_to: [reply.*],
     operations: {{Score: {{queue: {queue}, format: json}}}}}}
"""

        def rewritten(text: str) -> str:
            text = rig.constant(text).replace("adapters:\n", adapter, 1)
            return text.replace("loans_soap/ScoreLoan:", "loans_amqp/Score:")

        changes: dict[Place, Value] = {("routes", rig.ROUTE, "stage"): "live"}
        changes[("routes", rig.ROUTE, "observe")] = observe
        with rig.served(folder, changes, {"UNDERSTUDY_MODEL": "constant:1"}, rewritten) as served:
            yield Contender(queue, served.processes["worker-0"])

    @contextmanager
    def theirs(self, name: str) -> Iterator[Contender]:
        """A worker by hand."""
        queue = self.declare(f"{name}.requests")
        by_hand = [sys.executable, "-m", "bench.queued", name]
        command = [self.program, "work"] if name == CEILING else by_hand
        process = subprocess.Popen([*command, str(self.node.port), queue], text=True)
        with rig.running(process):
            rig.until(lambda: self._is_read(queue), f"{name} to read its queue")
            yield Contender(queue, process.pid)

    def _is_read(self, queue: str) -> bool:
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.node.port))
        consumers = connection.channel().queue_declare(queue, passive=True).method.consumer_count
        connection.close()
        return bool(consumers)


def run(rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """{"results", "ratios"} of this area; takes about two minutes. Raises RuntimeError where RabbitMQ is missing."""
    programs = RABBITMQ.programs()
    if programs is None:
        raise RuntimeError("RabbitMQ is missing; `make services` installs it")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        bench = Bench(stack.enter_context(running_rabbitmq(programs)), Path(name))
        contenders = {
            OURS: stack.enter_context(bench.ours("ours", "none")),
            RECORDING: stack.enter_context(bench.ours("recording", "compare")),
            **{name: stack.enter_context(bench.theirs(name)) for name in GOALS},
        }
        found: dict[tuple[str, str], list[Round]] = {}
        for number in range(rounds + 1):
            for case, window in ((MANY, WINDOW), (ONE, 1)):
                for name, contender in contenders.items():
                    one = bench.measured(contender, window, seconds)
                    if number:  # the first one warms up
                        found.setdefault((case, name), []).append(one)
                    time.sleep(0.2)  # what the observer and the broker have left to do is nobody else's
    return _figures(found)


def _figures(found: dict[tuple[str, str], list[Round]]) -> dict[str, Any]:
    kinds = {OURS: "ours", RECORDING: "ours", CEILING: "floor"}
    results = [
        result(AREA, case, name, kinds.get(name, "peer"), rounds, "worker") for (case, name), rounds in found.items()
    ]

    def shares(name: str, other: str) -> list[float]:
        pairs = zip(found[MANY, name], found[MANY, other], strict=True)
        return [one.outcome.throughput / two.outcome.throughput for one, two in pairs]

    ratios = [ratio(AREA, f"{MANY}: replies", name, shares(OURS, name), least=goal) for name, goal in GOALS.items()]
    ratios.append(ratio(AREA, f"{MANY}: replies while recording", OURS, shares(RECORDING, OURS), least=0.75))
    waits = [one.outcome.p50 / two.outcome.p50 for one, two in zip(found[ONE, OURS], found[ONE, CEILING], strict=True)]
    ratios.append(ratio(AREA, f"{ONE}: p50", CEILING, waits, most=2.0))
    return {"results": results, "ratios": ratios}


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
