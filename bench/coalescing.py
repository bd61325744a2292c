"""Coalesced calls to the model against one call a request: the same served Bento, client, callers and rows, in turns.
Every answer is compared with the model's own in this process.

`python -m bench.coalescing` prints the figures as JSON. Goal: 64 callers at least 20 times as fast.
"""

import asyncio
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from gateway.contract import Model, ModelUnavailable, Prediction, Row, RowError
from gateway.garbage import search_rarely
from models.credit.data import load
from models.credit.train import chosen, fit, train
from models.process import Bento, BentoSettings
from models.transport import Http

AREA = "model"
CASE = "credit model over a Unix socket"
GOAL = 20.0
ROUNDS = 5
Scored = Prediction | RowError
CALLS = {
    ("coalesced", 64): 4096,
    ("one call a request", 64): 512,
    ("coalesced", 1): 256,
    ("one call a request", 1): 256,
}
"""Calls a round, by name and number of callers."""


def run() -> dict[str, Any]:
    """{"results", "ratios"} of this area. Trains a model and serves it from a temporary folder; takes about 20 s."""
    with tempfile.TemporaryDirectory() as folder:
        train(Path(folder))
        return uvloop.run(_measured(Path(folder)))


async def _measured(folder: Path) -> dict[str, Any]:
    rows = [dict(each.row) for each in load()]
    right = fit(chosen("half")).predict(rows)
    search_rarely()  # as workers and observers do
    async with _served(folder) as models:
        rounds: dict[tuple[str, int], list[_Round]] = {key: [] for key in CALLS}
        for _ in range(ROUNDS):
            for (name, callers), calls in CALLS.items():
                rounds[name, callers].append(await _round(models[name], rows, right, callers, calls))
    ratios = [
        fast.throughput / slow.throughput
        for fast, slow in zip(rounds["coalesced", 64], rounds["one call a request", 64], strict=True)
    ]
    return {"results": [_result(*key, found) for key, found in rounds.items()], "ratios": [_ratio(ratios)]}


@asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[dict[str, Model]]:
    """Both ways to ask one child: joined, and every call in its own request with as many under way as callers."""
    socket = str(folder / "model.sock")
    joined = Bento("credit", BentoSettings(tag="credit:latest", home=str(folder)), folder)
    single = Bento("credit", BentoSettings(tag="credit:latest", home=str(folder), batch=1, in_flight=64), folder)
    child = joined.child(socket)
    assert child is not None
    process = subprocess.Popen(child.argv, env={**os.environ, **child.environment})  # noqa: ASYNC220  # returns at once
    try:
        await _ready(socket)
        models = {"coalesced": await joined.connect(socket), "one call a request": await single.connect(socket)}
        yield models
        for model in models.values():
            await model.close()
    finally:
        process.kill()
        process.wait()


async def _ready(socket: str) -> None:
    deadline = time.monotonic() + 60
    transport = Http.unix(socket)
    try:
        while True:
            try:
                return await transport.probe()
            except ModelUnavailable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
    finally:
        await transport.close()


class _Round:
    """One measurement: calls a second, CPU of this process, and how long each call took, in seconds."""

    def __init__(self, wall: float, cpu: float, durations: Sequence[float]) -> None:
        self.throughput = len(durations) / wall
        self.cpu = cpu / len(durations)
        self.durations = durations


async def _round(model: Model, rows: Sequence[Row], right: Sequence[Scored], callers: int, calls: int) -> _Round:
    """So many calls, each of one row, of which `right` is the answer; a wrong answer fails the measurement."""
    work = iter(range(calls))
    durations: list[float] = []
    answers: dict[int, Scored] = {}

    async def caller() -> None:
        for at in work:
            started = time.perf_counter()
            (answers[at],) = await model.predict([rows[at % len(rows)]], 30)
            durations.append(time.perf_counter() - started)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    done = _Round(time.perf_counter() - wall, time.process_time() - cpu, durations)
    wrong = [at for at in range(calls) if answers[at] != right[at % len(rows)]]
    assert not wrong, f"wrong answers at {wrong[:5]}"
    return done


def _result(name: str, callers: int, rounds: Sequence[_Round]) -> dict[str, Any]:
    throughputs = [each.throughput for each in rounds]
    durations = sorted(duration for each in rounds for duration in each.durations)
    median = statistics.median(throughputs)
    return {
        "area": AREA,
        "case": f"{CASE}, {callers} caller{'s' * (callers > 1)}",
        "name": name,
        "kind": "ours" if name == "coalesced" else "peer",
        "throughput": round(median, 1),
        "cpu_us": round(1e6 * statistics.median(each.cpu for each in rounds), 1),
        "p50_ms": round(1e3 * durations[len(durations) // 2], 3),
        "p99_ms": round(1e3 * durations[len(durations) * 99 // 100], 3),
        "spread": round((max(throughputs) - min(throughputs)) / median, 3),
    }


def _ratio(values: Sequence[float]) -> dict[str, Any]:
    value = round(statistics.median(values), 2)
    case, against = f"{CASE}, 64 callers: coalesced", "one call a request"
    return {"area": AREA, "case": case, "against": against, "value": value, "goal": GOAL, "met": value >= GOAL}


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
