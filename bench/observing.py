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
from dataclasses import dataclass, field
from typing import Any

from bench import rig
from bench.figures import Round, ratio, result
from bench.staged import Staged, staged

AREA = "observing"
CASE = "the loan message, a sixth of off's peak"
ROUNDS = 8
SECONDS = 3.0
CONNECTIONS = 16
OBSERVER, WORKER = "observer", "worker-0"


@dataclass(slots=True)
class Bench:
    """What was measured of one running gateway."""

    gateway: Staged
    seconds: float
    rounds: dict[str, list[Round]] = field(default_factory=dict)

    def peak(self) -> float:
        """Calls a second in stage off."""
        self.gateway.served.stage("off")
        return self._send(0.0).outcome.throughput

    def compare(self, rate: float) -> None:
        """One round in each stage."""
        served = self.gateway.served
        for stage in ("off", "shadow"):
            served.stage(stage)
            before = served.ledger().get("compared", 0)
            one = self._send(rate)
            compared = served.ledger().get("compared", 0) - before
            expected = one.outcome.calls if stage == "shadow" else 0
            assert compared == expected, f"{compared} of {expected} calls were compared: {served.ledger()}"
            self.rounds.setdefault(stage, []).append(one)

    def _send(self, rate: float) -> Round:
        """CPU is that up to the last verdict, not the last answer."""
        before = self._cpu()
        outcome = self.gateway.send(CONNECTIONS, self.seconds, rate).outcome
        self.gateway.drained()
        after = self._cpu()
        return Round(outcome, {name: after[name] - before[name] for name in after})

    def _cpu(self) -> dict[str, float]:
        return {name: rig.cpu(self.gateway.served.processes[name]) for name in (OBSERVER, WORKER)}


def run(rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """{"results", "ratios"} of this area; trains a model; takes about two minutes."""
    with staged({}) as gateway:
        bench = Bench(gateway, seconds)
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
