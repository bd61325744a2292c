"""Metrics over all processes, dead ones included, and logs that a machine can read."""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry import BUCKETS, Meters, exposition

ROOT = Path(__file__).parents[2]
WORKER = """
    import asyncio, os, signal, sys
    from gateway.telemetry import Meters
    meters = Meters()
    async def answer():
        for _ in range(int(sys.argv[1])):
            meters.answered("loan", "old", "shadow", "incumbent", "shadow", 0.003)
        meters.flush()
        meters.answered("loan", "old", "live", "candidate", "live", 7.0)
        await asyncio.sleep(0.5)
    asyncio.run(answer())
    meters.passed("old", "Ping", "no_route")
    meters.booked("loan", "compared", int(sys.argv[1]))
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
"""
LOGGING = """
    import sys
    import structlog
    from gateway.telemetry import configure_logs
    configure_logs(sys.argv[1])
    log = structlog.get_logger()
    log.warning("store_down", reason="the store does not answer", quoted='"\\n')
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("broken")
"""


def python(code: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.run(
        argv, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, capture_output=True, text=True, check=False
    )


def samples(folder: Path) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(exposition(folder).decode())
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in families for sample in family.samples
    }  # fmt: skip


def test_all_processes_are_added_up_and_a_killed_one_is_not_forgotten(tmp_path: Path) -> None:
    for calls, end in (("3", "ended"), ("4", "killed")):
        done = python(WORKER, calls, end, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
        assert done.returncode == (0 if end == "ended" else -9), done.stderr
    found = samples(tmp_path)
    shadow = ("by=incumbent", "reason=shadow", "route=loan", "source=old", "stage=shadow")
    assert found["understudy_calls_total", *shadow] == 7
    assert found["understudy_passed_total", "operation=Ping", "reason=no_route", "source=old"] == 2
    assert found["understudy_ledger_total", "route=loan", "term=compared"] == 7
    seconds = "understudy_call_seconds"
    assert found[f"{seconds}_count", "by=incumbent", "route=loan"] == 7
    assert found[f"{seconds}_count", "by=candidate", "route=loan"] == 2
    assert found[f"{seconds}_bucket", "by=incumbent", "le=0.005", "route=loan"] == 7
    assert found[f"{seconds}_bucket", "by=incumbent", "le=0.002", "route=loan"] == 0
    assert found[f"{seconds}_bucket", "by=candidate", "le=5.0", "route=loan"] == 0


def test_what_is_counted_together_is_as_if_each_were_observed_by_itself() -> None:
    meters, plain = Meters(), Histogram("plain", "Each by itself", buckets=BUCKETS, registry=CollectorRegistry())
    times = [0.0, 0.0005, *BUCKETS, *(bound + 1e-9 for bound in BUCKETS), 1000.0]

    async def answer() -> None:
        for seconds in times:
            meters.answered("loan", "old", "live", "candidate", "live", seconds)
            plain.observe(seconds)

    asyncio.run(answer())
    assert bucketed(meters._seconds) == {}, "nothing is written for each"
    meters.flush()
    meters.flush()
    assert bucketed(meters._seconds) == bucketed(plain)


def bucketed(histogram: Histogram) -> dict[tuple[str, str], float]:
    return {
        (sample.name.rpartition("_")[2], sample.labels.get("le", "")): round(sample.value, 6)
        for metric in histogram.collect() for sample in metric.samples
        if sample.value and not sample.name.endswith("_created")
    }  # fmt: skip


def test_without_any_process_the_exposition_is_empty(tmp_path: Path) -> None:
    assert exposition(tmp_path) == b""


def test_a_log_is_one_json_object_a_line_with_the_process_that_wrote_it() -> None:
    done = python(LOGGING, "worker-1")
    assert done.returncode == 0 and done.stdout == ""
    first, second = (json.loads(line) for line in done.stderr.splitlines())
    assert first["event"] == "store_down" and first["process"] == "worker-1" and first["level"] == "warning"
    assert first["quoted"] == '"\n' and first["timestamp"].endswith("Z")
    assert "ZeroDivisionError" in second["exception"]
