"""Contenders of one process, measured in turns, so that what else happens meanwhile happens to all of them."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Work = Callable[[], Any]
Key = tuple[str, str, str]
"""Case, name, kind: `ours`, `peer` or `floor`."""


class Turn:
    """One measurement: seconds of each call, and CPU seconds a call."""

    def __init__(self, work: Work, calls: int) -> None:
        self.durations: list[float] = []
        begun = time.process_time()
        for _ in range(calls):
            started = time.perf_counter()
            work()
            self.durations.append(time.perf_counter() - started)
        self.cpu = (time.process_time() - begun) / calls
        self.median = statistics.median(self.durations)


def turns(cases: Mapping[Key, Work], rounds: int, calls: int) -> dict[Key, list[Turn]]:
    """So many turns of each contender, one after the other, again and again."""
    found: dict[Key, list[Turn]] = {key: [] for key in cases}
    for _ in range(rounds):
        for key, work in cases.items():
            found[key].append(Turn(work, calls))
    return found


def result(area: str, key: Key, rounds: Sequence[Turn], each: int = 1) -> dict[str, Any]:
    """Of one contender, in the shape of bench/results.json; a call does `each` times what is counted."""
    case, name, kind = key
    medians = [one.median for one in rounds]
    middle = statistics.median(medians)
    every = sorted(duration for one in rounds for duration in one.durations)
    return {
        "area": area,
        "case": case,
        "name": name,
        "kind": kind,
        "throughput": round(each / middle, 1),
        "cpu_us": round(1e6 * statistics.median(one.cpu for one in rounds) / each, 2),
        "p50_ms": round(every[len(every) // 2] * 1e3, 5),
        "p99_ms": round(every[len(every) * 99 // 100] * 1e3, 5),
        "spread": round((max(medians) - min(medians)) / middle, 3),
    }


def faster(
    area: str, case: str, ours: Sequence[Turn], other: Sequence[Turn], against: str, goal: float
) -> dict[str, Any]:  # fmt: skip
    """How many times as fast as the other one ours is: the median over the turns."""
    value = statistics.median(two.median / one.median for one, two in zip(ours, other, strict=True))
    return {
        "area": area, "case": case, "against": against, "value": round(value, 2), "goal": goal, "met": value >= goal
    }  # fmt: skip
