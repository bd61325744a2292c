"""The whole demonstration as its users run it: counts and bytes, and nothing left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway.cutover import in_cohort
from gateway.examples.credit.applications import requests
from tests.conftest import programs
from tests.services import RABBITMQ

CALLS = 120
MARK = "DEMO_TEST_RUN"
PROCESSES = 6
"""The command, the legacy service, and the gateway's parent, observer, worker and model."""


def start(mark: str, *words: str) -> subprocess.Popen[str]:
    """The command in a process; all that it starts inherits the mark."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")}
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", "demo", *words],
        env=kept | {MARK: mark}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def living(mark: str) -> set[int]:
    """The processes that were started with the mark."""
    found = set()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={mark}".encode() in environ.read_bytes():
                found.add(int(environ.parent.name))
        except OSError:
            continue  # it has ended, or is not ours
    return found


def gone(mark: str) -> bool:
    """Whether they all have ended, the last of them at most ten seconds after their parents."""
    deadline = time.monotonic() + 10
    while living(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not living(mark)


def kept_with_the_incumbent() -> set[int]:
    """The applications without an optional field, which the example's `keep_incumbent` leaves to the bank's clerks."""
    optional = (("Accounts", "Savings"), ("Applicant", "ResidenceSince"), ("Security", "Property"),
                ("Applicant", "Telephone"))  # fmt: skip
    applications = [request["Application"] for request in requests()[:CALLS]]
    return {
        index for index, one in enumerate(applications) if any(one[group].get(name) is None for group, name in optional)
    }


def cohort() -> set[int]:
    """The applications that belong to the first 25 %."""
    ids = [request["Application"]["Id"] for request in requests()[:CALLS]]
    return {index for index, one in enumerate(ids) if in_cohort("loan_decision", one, Decimal(25))}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the whole demonstration is played."""
    return tmp_path_factory.mktemp("demo") / "place"


@pytest.fixture(scope="module")
def told(place: Path) -> Mapping[str, Any]:
    """What `understudy demo --json` says of 120 calls a stage."""
    mark = uuid4().hex
    with start(mark, "--json", "--calls", str(CALLS), "--folder", str(place)) as ran:
        out, progress = ran.communicate(timeout=240)
    assert ran.returncode == 0, progress + out
    assert gone(mark)
    result: Mapping[str, Any] = json.loads(out.splitlines()[-1])
    return result


def test_no_call_fails_and_every_call_is_accounted_for(told: Mapping[str, Any]) -> None:
    assert (told["calls"], told["errors"], told["ledger_balanced"]) == (CALLS, 0, True)
    assert list(told["stages"]) == ["off", "shadow", "canary", "live"]


@pytest.mark.parametrize("stage", ["off", "shadow"])
def test_the_incumbents_bytes_reach_every_caller(told: Mapping[str, Any], stage: str) -> None:
    act = told["stages"][stage]
    assert (act["bytes_identical"], act["incumbent_answered"], act["candidate_answered"]) == (CALLS, CALLS, 0)
    assert act["legacy_called"] == CALLS


def test_in_shadow_every_call_is_compared_and_in_off_none(told: Mapping[str, Any]) -> None:
    off, shadow = told["stages"]["off"], told["stages"]["shadow"]
    assert (off["compared"], off["agreement"]) == (0, None)
    assert shadow["compared"] == CALLS
    assert 0 < shadow["low"] < shadow["agreement"] < shadow["high"] < 1


def test_canary_moves_its_cohort_and_nobody_else(told: Mapping[str, Any]) -> None:
    canary, moved = told["stages"]["canary"], len(cohort() - kept_with_the_incumbent())
    assert 0.15 * CALLS <= moved <= 0.35 * CALLS
    assert (canary["candidate_answered"], canary["incumbent_answered"]) == (moved, CALLS - moved)
    assert canary["bytes_identical"] == canary["legacy_called"] == canary["compared"] == CALLS - moved
    assert canary["booked"] == {"incumbent": CALLS - moved, "candidate": moved}


def test_live_is_the_candidates(told: Mapping[str, Any]) -> None:
    live, kept = told["stages"]["live"], len(kept_with_the_incumbent())
    assert (live["candidate_answered"], live["legacy_called"]) == (CALLS - kept, kept)
    assert live["booked"] == {"incumbent": kept, "candidate": CALLS - kept}


def test_nobody_is_moved_back_and_everybody_stays(told: Mapping[str, Any]) -> None:
    moved = told["stages"]["canary"]["candidate_answered"]
    assert told["nested"] == {"moved": moved, "stayed": moved}
    assert told["sticky"]["repeated"] == told["sticky"]["same"] > 0


def test_the_unseen_are_judged(told: Mapping[str, Any]) -> None:
    unseen = told["unseen"]
    assert 0 < unseen["judged"] < CALLS
    assert unseen["both"] + unseen["legacy"] + unseen["model"] + unseen["neither"] == unseen["judged"]


def test_the_table_is_shared_with_the_batch_by_the_same_cohort(told: Mapping[str, Any]) -> None:
    nights = {night["stage"].split()[0]: night for night in told["table"]["nights"]}
    moved, kept = len(cohort() - kept_with_the_incumbent()), len(kept_with_the_incumbent())
    assert {stage: night["gateway"] for stage, night in nights.items()} == {
        "off": 0, "shadow": 0, "canary": moved, "live": CALLS - kept
    }  # fmt: skip
    assert all(night["batch"] + night["gateway"] == CALLS and night["balanced"] for night in nights.values())


def test_the_queue_is_shared_with_the_worker_by_the_same_cohort(told: Mapping[str, Any]) -> None:
    programs(RABBITMQ)
    shifts = {shift["stage"].split()[0]: shift for shift in told["queue"]["shifts"]}
    moved, kept = len(cohort() - kept_with_the_incumbent()), len(kept_with_the_incumbent())
    assert {stage: shift["candidate"] for stage, shift in shifts.items()} == {
        "off": 0, "shadow": 0, "canary": moved, "live": CALLS - kept
    }  # fmt: skip
    assert all(shift["worker"] + shift["candidate"] == CALLS and shift["balanced"] for shift in shifts.values())


def test_a_bad_model_is_held_by_the_guard_and_everybody_is_legacys_again(told: Mapping[str, Any]) -> None:
    guard = told["guard"]
    assert guard["reason"].startswith("disagreement: ") and "proven to be above the limit of 50 %" in guard["reason"]
    assert 0 < guard["answered"] < guard["sent"] <= CALLS
    assert guard["identical"] == guard["after"] == min(CALLS, 100) and guard["balanced"]


def test_a_hold_is_in_force_on_the_table_too(told: Mapping[str, Any]) -> None:
    assert told["guard"]["table"] == {"after": 100, "incumbent": 100, "balanced": True}


def test_a_hold_is_in_force_on_the_queue_too(told: Mapping[str, Any]) -> None:
    programs(RABBITMQ)
    assert told["guard"]["queue"] == {"after": 100, "incumbent": 100, "balanced": True}


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demonstration_leaves_nothing_running(
    told: Mapping[str, Any], place: Path, tmp_path: Path, sign: signal.Signals
) -> None:
    """Given a trained model, and calls under way in all processes, when it is told to end, then all of them end."""
    shutil.copytree(place / ".understudy" / "bentoml", tmp_path / ".understudy" / "bentoml")
    mark = uuid4().hex
    with start(mark, "--folder", str(tmp_path)) as ran:
        try:
            assert ran.stdout is not None
            assert any(line.startswith("off: ") for line in ran.stdout)
            assert len(living(mark)) >= PROCESSES
            ran.send_signal(sign)
            ran.communicate(timeout=60)
        finally:
            ran.kill()
    assert ran.returncode > 0
    assert gone(mark)
    assert not (tmp_path / ".understudy" / "gateway.json").exists()


def test_the_records_of_an_earlier_run_are_not_touched(told: Mapping[str, Any], place: Path) -> None:
    store = place / ".understudy" / "understudy.db"
    before = store.read_bytes()
    with start(uuid4().hex, "--folder", str(place)) as ran:
        _, said = ran.communicate(timeout=60)
    assert (ran.returncode, "earlier run" in said, store.read_bytes()) == (2, True, before)
