"""What a whole call costs in stage live: the gateway with a constant model against the same service written by hand.

`python -m bench.live` prints the figures as JSON. Goals: at most twice, then one and a half times the CPU of Starlette
with lxml. A figure's CPU is that of the process that answers, the gateway's worker, which also hands every call to the
observer; the observer's own stands in a line of its own.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench import rig
from bench.figures import Round, ratio, result
from bench.load import Generator, Order

AREA = "live"
CASE = "whole call, constant model"
GOALS = (2.0, 1.5)
ROUNDS = 9
SECONDS = 1.0
CONNECTIONS = 8
OURS, PEER, FLOOR = "understudy", "Starlette with lxml by hand", "uvicorn, constant bytes"


def run(rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """{"results", "ratios"} of this area; takes about 45 s."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        generator = Generator(rig.messages(), folder)
        stack.callback(generator.close)
        legacy = stack.enter_context(rig.incumbent(folder))
        ours = stack.enter_context(
            rig.served(
                folder,
                {("routes", rig.ROUTE, "stage"): "live"},
                {"UNDERSTUDY_LEGACY": legacy, "UNDERSTUDY_MODEL": "constant:1"},
                rig.constant,
            )
        )
        targets = {OURS: (ours.port, ours.processes)}
        targets |= {name: stack.enter_context(_peer(word)) for name, word in ((PEER, "lxml"), (FLOOR, "bytes"))}
        found: dict[str, list[Round]] = {name: [] for name in targets}
        for number in range(rounds + 1):
            for name, (port, processes) in targets.items():
                one = rig.measured(processes, generator, Order(port, rig.PATH, CONNECTIONS, seconds))
                assert not one.outcome.errors, f"{name}: {one.outcome.statuses}"
                if number:  # the first one warms up
                    found[name].append(one)
    return _figures(found)


@contextmanager
def _peer(word: str) -> Iterator[tuple[int, dict[str, int]]]:
    """A peer's port and process."""
    command = [sys.executable, "-m", "bench.peer", word]
    with rig.running(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout
        yield int(process.stdout.readline()), {"worker-0": process.pid}


def _figures(found: dict[str, list[Round]]) -> dict[str, Any]:
    kinds = {OURS: "ours", PEER: "peer", FLOOR: "floor"}
    results = [result(AREA, CASE, name, kinds[name], rounds, "worker-0") for name, rounds in found.items()]
    results.insert(1, result(AREA, CASE, f"{OURS}, its observer", "ours", found[OURS], "observer"))
    shares = [
        ours.cpu_us("worker-0") / peer.cpu_us("worker-0")
        for ours, peer in zip(found[OURS], found[PEER], strict=True)
    ]  # fmt: skip
    return {"results": results, "ratios": [ratio(AREA, f"{CASE}: CPU", PEER, shares, most=goal) for goal in GOALS]}


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
