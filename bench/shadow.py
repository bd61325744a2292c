"""What the shadow costs the callers: stages off and shadow in turns, through one running gateway, on real data.

`python -m bench.shadow` prints the figures as JSON. Goals: at half of off's peak every call is compared and p50 is at
most 1.1 times off's; at saturation throughput is at least 0.9 of off's; both also with the model stopped by SIGSTOP.

The incumbent is a recording of the simulated legacy service (`bench.recorded`), not the simulator itself: the slower
the incumbent, the less a gateway's own cost shows, so the fast one is the strict one. The model is the real Bento.
Everything, the load included, shares the machine's processors, as it would not in earnest.
"""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.figures import Round, ratio, result
from bench.staged import Staged, staged

AREA = "shadow"
ROUNDS = 12
SECONDS = 1.0
CONNECTIONS = 16
OPEN_CONNECTIONS = 64
HALF, FULL = "half of off's peak", "saturation"
STOPPED = "the model stopped, "


@dataclass(slots=True)
class Watched:
    """What the ledger says of the calls of one load in shadow: seen, and compared."""

    seen: int = 0
    compared: int = 0

    @property
    def share(self) -> float:
        """Compared of seen."""
        return self.compared / self.seen


@dataclass(slots=True)
class Bench:
    """All that was measured through one running gateway."""

    gateway: Staged
    seconds: float
    rounds: dict[tuple[str, str], list[Round]] = field(default_factory=dict)
    watched: dict[str, Watched] = field(default_factory=dict)

    def compare(self, case: str, *, drain: bool) -> None:
        """One round: both loads in stage off, then both in stage shadow, at off's own rate of this round."""
        served = self.gateway.served
        served.stage("off")
        peak = self._load(case + FULL, "off").outcome.throughput
        self._load(case + HALF, "off", peak / 2)
        served.stage("shadow")
        for load, rate in ((HALF, peak / 2), (FULL, 0.0)):
            before = served.ledger()
            self._load(case + load, "shadow", rate)
            if drain:
                self._watch(case + load, before, self.gateway.drained())

    def _load(self, case: str, stage: str, rate: float = 0.0) -> Round:
        one = self.gateway.send(OPEN_CONNECTIONS if rate else CONNECTIONS, self.seconds, rate)
        self.rounds.setdefault((case, stage), []).append(one)
        return one

    def _watch(self, case: str, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        watched = self.watched.setdefault(case, Watched())
        off = "not_observable:off"
        watched.seen += (after["seen"] - after.get(off, 0)) - (before["seen"] - before.get(off, 0))
        watched.compared += after["compared"] - before["compared"]


def run(rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """{"results", "ratios"} of this area; trains a model; takes about four minutes."""
    with staged({("models", "credit", "hung_after"): "1h"}) as gateway:  # what is stopped here is to stay so
        bench = Bench(gateway, seconds)
        for _ in range(rounds):
            bench.compare("", drain=True)
        with _stopped(gateway.served.processes["model credit"]):
            for _ in range(rounds):
                bench.compare(STOPPED, drain=False)
        gateway.drained()
    return _figures(bench)


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _figures(bench: Bench) -> dict[str, Any]:
    results = [result(AREA, case, stage, "ours", rounds, "worker-0") for (case, stage), rounds in bench.rounds.items()]
    ratios = []
    for case in ("", STOPPED):
        slower = [s.outcome.p50 / o.outcome.p50 for o, s in _pairs(bench, case + HALF)]
        ratios.append(ratio(AREA, f"{case}{HALF}: p50", "off", slower, most=1.1))
        kept = [s.outcome.throughput / o.outcome.throughput for o, s in _pairs(bench, case + FULL)]
        ratios.append(ratio(AREA, f"{case}{FULL}: throughput", "off", kept, least=0.9))
    half, full = bench.watched[HALF], bench.watched[FULL]
    ratios.append(ratio(AREA, f"{HALF}: {half.compared} of {half.seen} compared", "seen", [half.share], least=1.0))
    ratios.append(ratio(AREA, f"{FULL}: {full.compared} of {full.seen} compared", "seen", [full.share], least=0.0))
    return {"results": results, "ratios": ratios}


def _pairs(bench: Bench, case: str) -> Iterator[tuple[Round, Round]]:
    return zip(bench.rounds[case, "off"], bench.rounds[case, "shadow"], strict=True)


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
