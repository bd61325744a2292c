"""What observing costs: the observer's CPU a call, and what it adds to the CPU of the process that serves.

`python -m bench.observing` prints the figures as JSON. Goals: the observer takes at most 300 microseconds of CPU a
call, all in: reading, decoding, mapping, asking the model, comparing, recording, adding up, writing to SQLite. And a
worker takes at most 5 % more CPU a call in stage shadow than in stage off, where nothing is observed.

Both stages get the same rate, a sixth of off's peak, in turns: a busier worker handles more calls in one round of its
event loop, so only equal rates compare. CPU is that of all threads of a process, up to the moment at which not one
call is undecided.
"""

import json
import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import rig
from bench.figures import Round, ratio, result
from bench.load import Generator, Order
from gateway.edit import Path as Place
from gateway.edit import Value
from models.credit.train import train

AREA = "observing"
CASE = "the loan message, a sixth of off's peak"
ROUNDS = 8
SECONDS = 3.0
CONNECTIONS = 16
OBSERVER, WORKER = "observer", "worker-0"


@dataclass(slots=True)
class Bench:
    """One running gateway and what was measured of it."""

    served: rig.Served
    generator: Generator
    seconds: float
    sent: int = 0
    rounds: dict[str, list[Round]] = field(default_factory=dict)

    def warm(self) -> None:
        """Returns when the model answers in the shadow."""
        self.served.stage("shadow")
        rig.until(self._compares, "comparing the first call")
        self.served.drained(self.sent)

    def peak(self) -> float:
        """Calls a second in stage off."""
        self.served.stage("off")
        return self._send(0.0).outcome.throughput

    def compare(self, rate: float) -> None:
        """One round in each stage."""
        for stage in ("off", "shadow"):
            self.served.stage(stage)
            before = self.served.ledger().get("compared", 0)
            one = self._send(rate)
            compared = self.served.ledger().get("compared", 0) - before
            expected = one.outcome.calls if stage == "shadow" else 0
            assert compared == expected, f"{compared} of {expected} calls were compared: {self.served.ledger()}"
            self.rounds.setdefault(stage, []).append(one)

    def _compares(self) -> bool:
        self._send(20.0, 0.5)
        return self.served.ledger().get("compared", 0) > 0

    def _send(self, rate: float, seconds: float | None = None) -> Round:
        before = self._cpu()
        outcome = self.generator.run(Order(self.served.port, rig.PATH, CONNECTIONS, seconds or self.seconds, rate))
        assert not outcome.errors, outcome.statuses
        self.sent += outcome.calls
        self.served.drained(self.sent)
        after = self._cpu()
        return Round(outcome, {name: after[name] - before[name] for name in after})

    def _cpu(self) -> dict[str, float]:
        return {name: rig.cpu(self.served.processes[name]) for name in (OBSERVER, WORKER)}


def run(rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """{"results", "ratios"} of this area; trains a model; takes about two minutes."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        tag = train(folder / "bentoml")
        generator = Generator(rig.messages(), folder)
        stack.callback(generator.close)
        environment = {"UNDERSTUDY_LEGACY": stack.enter_context(rig.incumbent(folder)), "UNDERSTUDY_MODEL": tag}
        changes: dict[Place, Value] = {("models", "credit", "home"): "bentoml", ("routes", rig.ROUTE, "stage"): "off"}
        bench = Bench(stack.enter_context(rig.served(folder, changes, environment)), generator, seconds)
        bench.warm()
        rate = bench.peak() / 6
        for _ in range(rounds):
            bench.compare(rate)
    return _figures(bench)


def _figures(bench: Bench) -> dict[str, Any]:
    off, shadow = bench.rounds["off"], bench.rounds["shadow"]
    results = [
        result(AREA, CASE, f"{process}, stage {stage}", "ours", bench.rounds[stage], process)
        for process in (WORKER, OBSERVER)
        for stage in ("off", "shadow")
    ]
    took = [one.cpu_us(OBSERVER) for one in shadow]
    more = [s.cpu_us(WORKER) / o.cpu_us(WORKER) for o, s in zip(off, shadow, strict=True)]
    workers = [statistics.median(one.cpu_us(WORKER) for one in each) for each in (shadow, off)]
    shown = f"{workers[0]:.0f} against {workers[1]:.0f} µs"
    ratios = [
        ratio(AREA, "microseconds of the observer's CPU a call", "300", took, most=300.0),
        ratio(AREA, f"CPU of the worker in shadow, {shown} a call", "off", more, most=1.05),
    ]
    return {"results": results, "ratios": ratios}


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
