"""What the areas that measure whole calls report, in the shape of bench/results.json."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.load import Outcome


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement of one contender. `cpu` has the seconds of CPU that each process took, by name."""

    outcome: Outcome
    cpu: Mapping[str, float] = field(default_factory=dict)

    def cpu_us(self, process: str) -> float:
        """Microseconds of CPU that a process took for each call."""
        return 1e6 * self.cpu.get(process, 0.0) / self.outcome.calls


def result(area: str, case: str, name: str, kind: str, rounds: Sequence[Round], process: str) -> dict[str, Any]:
    """Medians over the rounds; `cpu_us` is that of the process named; `spread` is that of the throughput."""
    throughputs = [one.outcome.throughput for one in rounds]
    median = statistics.median(throughputs)
    return {
        "area": area,
        "case": case,
        "name": name,
        "kind": kind,
        "throughput": round(median, 1),
        "cpu_us": round(statistics.median(one.cpu_us(process) for one in rounds), 1),
        "p50_ms": round(statistics.median(one.outcome.p50 for one in rounds), 3),
        "p99_ms": round(statistics.median(one.outcome.p99 for one in rounds), 3),
        "spread": round((max(throughputs) - min(throughputs)) / median, 3),
    }


def ratio(
    area: str, case: str, against: str, values: Sequence[float], *, most: float | None = None,
    least: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The median of the rounds' ratios against a goal that it may not exceed, or has to reach."""
    value = statistics.median(values)
    met = value <= most if most is not None else least is not None and value >= least
    goal = most if most is not None else least
    case = f"{case} ({min(values):.2f} to {max(values):.2f})"
    return {"area": area, "case": case, "against": against, "value": round(value, 3), "goal": goal, "met": met}
