"""Logs as one JSON object a line, metrics as Prometheus reads them over all processes."""

import asyncio
import sys
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


LINGER = 0.1
"""Seconds that answered calls are counted in memory, which a killed worker takes along."""


def configure_logs(process: str) -> None:
    """Writes logs as JSON lines to standard error, each with the process that wrote it."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)


class _Tally:
    """What has happened to one kind of call since the files were written, which costs more than counting."""

    __slots__ = ("_count", "_observed", "buckets", "calls", "seconds")

    def __init__(self, count: Counter, observed: Histogram) -> None:
        self._count = count
        self._observed = observed
        self._clear()

    def _clear(self) -> None:
        self.calls, self.seconds = 0, 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def flush(self) -> None:
        if not self.calls:
            return
        self._count.inc(self.calls)
        # The library can only observe one value after the other. These are the two things that it does then.
        self._observed._sum.inc(self.seconds)
        for bucket, calls in zip(self._observed._buckets, self.buckets, strict=True):
            if calls:
                bucket.inc(calls)
        self._clear()


class Meters:
    """The counters of one process. Values live in files of the run-time folder, so they outlast a killed worker."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._calls = Counter(
            "understudy_calls", "Answered calls", ["route", "source", "stage", "by", "reason"], registry=registry
        )
        self._seconds = Histogram(
            "understudy_call_seconds", "Time from a call's arrival to its answer", ["route", "by"],
            buckets=BUCKETS, registry=registry,
        )  # fmt: skip
        self._passed = Counter(
            "understudy_passed", "Calls relayed without being observed", ["source", "operation", "reason"],
            registry=registry,
        )  # fmt: skip
        self._events = Counter(
            "understudy_adapter_events", "What happened in an adapter", ["source", "operation", "event"],
            registry=registry,
        )  # fmt: skip
        self._happenings: dict[tuple[str, str, str], Callable[[float], None]] = {}
        self._levels = Gauge(
            "understudy_adapter_level", "How much of something an adapter has", ["source", "operation", "name"],
            registry=registry, multiprocess_mode="livesum",
        )  # fmt: skip
        self._terms = Counter("understudy_ledger", "Calls by term of the ledger", ["route", "term"], registry=registry)
        self._alarms = Counter(
            "understudy_guard_alarms", "Limits that a guard found exceeded, held or not", ["route"], registry=registry
        )
        self._tallies: dict[tuple[str, ...], _Tally] = {}
        self._tallied = False

    def answered(self, route: str, source: str, stage: str, by: str, reason: str, seconds: float) -> None:
        """Counts an answered call. The files have it a tenth of a second later, at `flush` at the latest."""
        labels = (route, source, stage, by, reason)
        if (tally := self._tallies.get(labels)) is None:
            tally = self._tallies[labels] = _Tally(self._calls.labels(*labels), self._seconds.labels(route, by))
        tally.calls += 1
        tally.seconds += seconds
        tally.buckets[bisect_left(BUCKETS, seconds)] += 1
        if not self._tallied:
            self._tallied = True
            asyncio.get_running_loop().call_later(LINGER, self.flush)

    def flush(self) -> None:
        """Has the files say what was counted so far."""
        self._tallied = False
        for tally in self._tallies.values():
            tally.flush()

    def passed(self, source: str, operation: str, reason: str) -> None:
        """Counts a call that went by the core."""
        self._passed.labels(source, operation, reason).inc()

    def happened(self, source: str, operation: str, event: str, amount: int = 1) -> None:
        """Counts events of an adapter."""
        if (found := self._happenings.get((source, operation, event))) is None:
            found = self._happenings[source, operation, event] = self._events.labels(source, operation, event).inc
        found(amount)

    def level(self, source: str, operation: str, name: str, value: float) -> None:
        """Sets a level of an adapter."""
        self._levels.labels(source, operation, name).set(value)

    def alarmed(self, route: str) -> None:
        """Counts a limit that was found exceeded."""
        self._alarms.labels(route).inc()

    def booked(self, route: str, term: str, amount: int) -> None:
        """Counts calls under a term of the ledger."""
        self._terms.labels(route, term).inc(amount)


def exposition(folder: Path) -> bytes:
    """All processes' metrics in Prometheus' text format; `folder` is the one given as PROMETHEUS_MULTIPROC_DIR."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]  # the library has no types here
    return generate_latest(registry)
