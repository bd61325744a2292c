"""Real processes, killed, stopped and ended under load: no answer changes, and every call is accounted for."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.verdicts import right, unbroken, under_way
from tests.load import Load, envelopes, until
from tests.processes import alive
from tests.served import Served, served, warm_up

CALLS = 1000


# kill -9


def test_kill_9_of_the_observer_changes_no_answer_in_shadow(gateway: Served, expected: Sequence[str]) -> None:
    """Given load in shadow, when the observer is killed, then callers get legacy's bytes, and all is booked.

    What it had read may be lost; what comes while there is none waits for the next one."""
    before = gateway.ledger()
    load = under_way(gateway.load(CALLS), CALLS)
    with gateway.unattended():
        old = gateway.kill("observer")
        until(lambda: not alive([old]), "the observer to be gone")  # the humblest process may take a while to die
        unbroken(load.done(), expected)
        unbroken(gateway.load(64).done(), expected)
    gateway.restarted("observer", old)
    ledger = gateway.settled(before, CALLS + 64)
    assert ledger["lost"] <= CALLS and not ledger["dropped"], ledger
    warm_up(gateway)


def test_kill_9_of_the_model_changes_no_answer_in_shadow(gateway: Served, expected: Sequence[str]) -> None:
    """Given load in shadow, when the model is killed, then callers get legacy's bytes, and all is booked."""
    before = gateway.ledger()
    load = under_way(gateway.load(CALLS), CALLS)
    with gateway.unattended():
        old = gateway.kill("model")
        unbroken(load.done(), expected)
        unbroken(gateway.load(64).done(), expected)
        ledger = gateway.settled(before, CALLS + 64)
    assert ledger["failed"] > 0, ledger
    gateway.restarted("model", old)
    warm_up(gateway)


def test_kill_9_of_a_worker_breaks_only_the_calls_it_had(gateway: Served, expected: Sequence[str]) -> None:
    """Given load in shadow, when a worker is killed, then its own calls break; when sent again they are answered."""
    before = gateway.ledger()
    connections = 16
    load = under_way(gateway.load(CALLS, connections), CALLS)
    worker = gateway.busiest()
    old = gateway.kill(worker)
    calls = load.done()
    right(calls, expected)
    broken = [call for call in calls if call.error]
    assert 0 < len(broken) <= connections
    again = Load(gateway.url, [envelopes()[call.at % 1000] for call in broken]).start().done()
    assert sorted(call.digest for call in again) == sorted(expected[call.at % 1000] for call in broken)
    gateway.restarted(worker, old)
    since = gateway.quiet()
    since.subtract(before)
    assert CALLS - len(calls) // 2 < since["seen"] <= CALLS + len(again)
    warm_up(gateway)


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_kill_9_of_the_parent_orphans_nothing(
    tmp_path: Path, bento: Path, expected: Sequence[str], workers: int
) -> None:
    """Given load, when the parent is killed, then its children end by themselves and what they answer is right."""
    with served(tmp_path, workers=workers, bento=bento) as gateway:
        before = gateway.ledger()
        processes = gateway.family()
        assert len(processes) == 3 + workers
        load = under_way(gateway.load(CALLS, persist=False), CALLS)
        killed = time.monotonic()
        gateway.kill_parent()
        calls = load.done()
        right(calls, expected)
        assert not [call for call in calls if call.error and 0 < call.connected < killed]
        until(lambda: not alive(processes), "the children to end")
        gateway.start()
        since = gateway.quiet()  # nothing is pending: what the dead observer had open is booked as lost
        since.subtract(before)
        assert since["seen"] <= len(calls)
        warm_up(gateway)


# SIGSTOP


def test_a_hung_model_changes_no_answer_in_shadow(gateway: Served, expected: Sequence[str]) -> None:
    before = gateway.ledger()
    load = under_way(gateway.load(CALLS), CALLS)
    gateway.kill("model", signal.SIGSTOP)
    try:
        unbroken(load.done(), expected)
        ledger = gateway.settled(before, CALLS)
        assert ledger["timed_out"] > 0 and ledger["timed_out"] + ledger["failed"] + ledger["compared"] == CALLS
    finally:
        gateway.kill("model", signal.SIGCONT)
    warm_up(gateway)


def test_the_incumbent_answers_in_live_while_the_model_hangs_and_dies(gateway: Served, expected: Sequence[str]) -> None:
    """Given stage live, when the model hangs or is killed, then legacy answers every call, until it is back."""
    body = envelopes()[0]
    theirs = gateway.ask_legacy(body)
    gateway.edit(stage="live")
    try:
        until(lambda: gateway.post(body)[1] != theirs, "the candidate to answer")
        gateway.kill("model", signal.SIGSTOP)
        unbroken(gateway.load(64).done(), expected)
        gateway.kill("model")
        unbroken(gateway.load(64).done(), expected)
        until(lambda: gateway.post(body)[1] != theirs, "the candidate to answer again")
    finally:
        gateway.kill("model", signal.SIGCONT)
        gateway.edit(stage="shadow")
    warm_up(gateway)


def test_a_hung_model_is_restarted_and_compares_again(tmp_path: Path, bento: Path, expected: Sequence[str]) -> None:
    """Given a model that is stopped, not dead, then callers get legacy's bytes, and another one takes its place."""
    models = {"credit": {"hung_after": "2s"}}
    with served(tmp_path, bento=bento, models=models, observer={"timeout": "1s"}) as gateway:
        before = gateway.ledger()
        old = gateway.kill("model", signal.SIGSTOP)
        load = gateway.load(CALLS)
        gateway.restarted("model", old)
        unbroken(load.done(), expected)
        gateway.settled(before, CALLS)
        warm_up(gateway)
        [hung] = gateway.logged("hung")
        assert hung["pid"] == old and not alive([old])


def test_a_hung_observer_fills_the_pipe_and_harms_nobody(tmp_path: Path, expected: Sequence[str]) -> None:
    """Given a tiny buffer and an observer that reads nothing, then calls go on; what does not fit is booked."""
    with served(tmp_path, observer={"buffer": "1KiB"}) as gateway:
        before = gateway.ledger()
        gateway.kill("observer", signal.SIGSTOP)
        unbroken(gateway.load(CALLS).done(), expected)
        gateway.kill("observer", signal.SIGCONT)
        ledger = gateway.settled(before, CALLS)
        assert ledger["dropped"] > 0 and ledger["dropped"] + ledger["compared"] == CALLS


@pytest.mark.parametrize("name", ["observer", "worker-0"])
def test_a_hung_process_is_restarted_and_serves_again(tmp_path: Path, expected: Sequence[str], name: str) -> None:
    with served(tmp_path, hung_after="5s") as gateway:
        old = gateway.kill(name, signal.SIGSTOP)
        gateway.restarted(name, old)
        [hung] = gateway.logged("hung")
        assert (hung["process"], hung["pid"]) == (name, old) and not alive([old])
        before = gateway.quiet()
        unbroken(gateway.load(CALLS).done(), expected)
        gateway.settled(before, CALLS)


@pytest.mark.long
def test_an_observer_that_is_starved_is_not_taken_for_hung(tmp_path: Path) -> None:
    """Given one processor for the humble observer and six greedy processes, for three times what hung ones are given,
    while calls come, then the observer stays."""
    with served(tmp_path, hung_after="5s") as gateway, ExitStack() as greedy:
        observer, core = gateway.pid("observer"), max(os.sched_getaffinity(0))
        os.sched_setaffinity(observer, {core})
        for _ in range(6):
            one = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
            greedy.callback(one.wait)
            greedy.callback(one.kill)
            os.sched_setaffinity(one.pid, {core})
        until_past = time.monotonic() + 15
        while time.monotonic() < until_past:
            gateway.load(CALLS).done()
        assert not gateway.logged("hung") and gateway.pid("observer") == observer


# SIGTERM


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_sigterm_under_load_loses_no_accepted_call(tmp_path: Path, expected: Sequence[str], workers: int) -> None:
    """Given load, when the gateway is told to end, then all accepted calls are answered whole, and all are booked."""
    with served(tmp_path, workers=workers) as gateway:
        before = gateway.ledger()
        processes = gateway.family()
        load = under_way(gateway.load(4 * CALLS, persist=False), 4 * CALLS)
        told = time.monotonic()
        assert gateway.terminate() == 0
        calls = load.done()
        assert not alive(processes)
        right(calls, expected)
        broken = [call for call in calls if call.error]
        assert not [call for call in broken if call.error == "cut" or 0 < call.connected < told], broken
        gateway.start()
        gateway.settled(before, len(calls) - len(broken))
        assert not gateway.logged("observer_died")


def test_sigterm_while_legacy_is_slow_waits_for_its_answers(tmp_path: Path, expected: Sequence[str]) -> None:
    with served(tmp_path, legacy=("--delay", "1.0")) as gateway:
        load = gateway.load(16, persist=False)
        until(lambda: gateway.legacy.connections == 16, "all calls to be with the legacy service")
        assert gateway.terminate() == 0
        unbroken(load.done(), expected)
