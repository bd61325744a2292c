"""Under load its surroundings change or fail: the configuration, the store, the legacy service, who answers."""

import os
import resource
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from gateway.store import holds
from tests.conftest import programs
from tests.faults.verdicts import unbroken
from tests.load import Load, answers, envelopes, until
from tests.processes import family
from tests.served import ROUTE, Served, served
from tests.services import POSTGRESQL, running_postgresql

SOAP12 = "application/soap+xml; charset=utf-8"


# Configuration


def reloading(gateway: Served, reloads: int) -> None:
    """Reloads under load: no call fails, and every answer is of one version whole."""
    body = [envelopes()[at] for at in range(100)]
    one = {"from": "probability_bad", "scale": -1000, "offset": 1000, "round": 1}
    other = {"from": "probability_bad", "scale": -400, "offset": 1000, "round": 1}
    answer = gateway.route()["answer"]
    fields = answer["fields"]
    strict = {"from": "probability_bad", "bands": [{"below": 0.1, "value": "approve"}, {"value": "reject"}]}
    versions = [
        {"answer": answer | {"fields": fields | {"score": one}}},
        {"answer": answer | {"fields": fields | {"score": other, "decision": strict}}},
    ]
    allowed: list[Sequence[str]] = []
    for version in versions:
        gateway.edit(stage="live", **version)
        allowed.append(answers(gateway.url, body))
    assert not set(allowed[0]) & set(allowed[1])
    before = gateway.quiet()
    load = Load(gateway.url, body * 1000, connections=2).start()
    for number in range(reloads):
        load.reached(len(load.calls) + 20)
        gateway.edit(**versions[number % 2])
    load.stop()
    calls = load.done()
    assert not [call for call in calls if call.error or call.status != 200]
    strange = [call for call in calls if call.digest not in (allowed[0][call.at % 100], allowed[1][call.at % 100])]
    assert not strange, f"{len(strange)} of {len(calls)}, such as {strange[0]}"
    for digests in allowed:
        assert any(call.digest in digests for call in calls)
    gateway.settled(before, len(calls))


def test_reloads_under_load_fail_no_call_and_mix_no_versions(plain: Served) -> None:
    reloading(plain, 6)


@pytest.mark.long
def test_100_reloads_under_load_fail_no_call_and_mix_no_versions(plain: Served) -> None:
    reloading(plain, 100)


def refusals(gateway: Served, count: int) -> bool:
    """Whether so many configurations have been refused."""
    return len(gateway.logged("configuration_refused")) >= count


def test_a_broken_configuration_is_refused_and_the_old_one_stays(plain: Served, expected: Sequence[str]) -> None:
    text, version = plain.path.read_text(), plain.facts["version"]
    refused = len(plain.logged("configuration_refused"))
    for broken in (text[: len(text) // 2], text.replace("shadow", "shady"), "[", ""):
        plain.path.write_text(broken)
        refused += 1
        until(partial(refusals, plain, refused), "a refusal in the log")
        unbroken(plain.load(50).done(), expected)
        assert plain.facts["version"] == version
    assert all(line["problems"] for line in plain.logged("configuration_refused"))
    plain.path.write_text(text)
    plain.edit(stage="off")
    assert plain.facts["version"] != version


def test_a_hung_process_does_not_keep_the_others_from_a_reload(plain: Served) -> None:
    """The parent waits for nobody: it tells the one that hangs as soon as it reads again."""
    plain.kill("worker-0", signal.SIGSTOP)
    try:
        for number in range(3):
            plain.edit(waiting_for=("observer", "worker-1"), percent=number + 1)
    finally:
        plain.kill("worker-0", signal.SIGCONT)


def test_what_needs_a_restart_is_announced_until_it_is_taken_back(plain: Served) -> None:
    content = plain.content()
    plain.write(content | {"grace": "29s", "workers": 3})
    until(lambda: plain.facts["restart_needed"] == ["workers"], "the announcement")
    plain.edit(percent=1)
    assert plain.facts["restart_needed"] == ["workers"]
    plain.write(content)
    until(lambda: plain.facts["restart_needed"] == [], "the announcement")


# The store

ROOM = 65_536
"""Bytes to which a file may grow while the disk is full: enough for the log, too few for the store."""


def test_callers_notice_nothing_of_a_store_that_goes_away(plain: Served, expected: Sequence[str]) -> None:
    before = plain.ledger()
    database, away = plain.folder / ".understudy" / "understudy.db", plain.folder / "away.db"
    database.rename(away)
    unbroken(plain.load(300).done(), expected)
    until(lambda: plain.get("/readyz", "admin")[0] == 503, "the observer to say so")
    unbroken(plain.load(300).done(), expected)
    away.rename(database)
    assert plain.settled(before, 600)["compared"] == 600
    until(lambda: plain.get("/readyz", "admin")[0] == 200, "the observer to be well")


def test_callers_notice_nothing_of_a_disk_that_is_full(tmp_path: Path, expected: Sequence[str]) -> None:
    """No file may grow, as on a full disk: what was seen is kept in memory, and written once there is room."""
    with served(tmp_path) as gateway:
        before = gateway.ledger()
        for pid in gateway.family():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
        unbroken(gateway.load(600).done(), expected)
        until(lambda: gateway.get("/readyz", "admin")[0] == 503, "the observer to say so")
        assert b"store" in gateway.get("/readyz", "admin")[1] and gateway.logged("store_down")
        for pid in gateway.family():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(lambda: gateway.get("/readyz", "admin")[0] == 200, "the observer to be well")
        assert gateway.settled(before, 600)["compared"] == 600


def test_callers_notice_nothing_of_a_postgresql_that_hangs(tmp_path: Path, expected: Sequence[str]) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(running_postgresql(programs(POSTGRESQL)))
        gateway = stack.enter_context(served(tmp_path, workers=2, store=server.database()))
        stack.callback(gateway.engine.dispose)
        before = gateway.ledger()
        processes = postgresql(server.port)
        assert len(processes) > 1
        signalled(processes, signal.SIGSTOP)
        try:
            unbroken(gateway.load(300).done(), expected)
        finally:
            signalled(processes, signal.SIGCONT)
        assert gateway.settled(before, 300)["compared"] == 300


def postgresql(port: int) -> Sequence[int]:
    """The processes of the server on this port, which we have started."""
    for child in family(os.getpid()):
        if f"port={port}".encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            return family(child)
    return ()


def signalled(pids: Sequence[int], sign: signal.Signals) -> None:
    """Sends all of them a signal."""
    for pid in pids:
        os.kill(pid, sign)


def test_started_without_a_store_every_route_is_capped_at_shadow(tmp_path: Path, expected: Sequence[str]) -> None:
    """Given stage live and no store, then legacy answers and the log says why; when the store comes, it is live."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the store's folder should be")
    with served(tmp_path, stage="live", store="sqlite:///blocked/understudy.db", start=False) as gateway:
        try:
            gateway.start(ready=False)
            until(lambda: gateway.get("/readyz")[0] == 200, "the data address to be ready")
            unbroken(gateway.load(100).done(), expected)
            [said] = [line for line in gateway.logged("store_down") if line["process"] == "parent"][:1]
            assert "capped at shadow" in said["effect"]
            blocked.unlink()
            theirs = gateway.ask_legacy(envelopes()[0])
            until(lambda: gateway.post(envelopes()[0])[1] != theirs, "the candidate to answer")
        finally:
            gateway.end()


# Legacy


def test_a_hung_and_a_dead_legacy_are_faults_in_the_callers_version(tmp_path: Path) -> None:
    """Given a legacy service that hangs, then its timeout is a fault; when it goes on, it answers; dead, a fault."""
    with served(tmp_path, adapters={"loans_soap": {"incumbent": {"timeout": "500ms"}}}) as gateway:
        before = gateway.ledger()
        gateway.legacy.process.send_signal(signal.SIGSTOP)
        for body, media in both_versions(envelopes()[0]):
            status, answer = gateway.post(body, media)
            assert status == 500
            assert namespace(body) in answer and b"did not answer in time" in answer
        assert gateway.settled(before, 2)["not_observable:IncumbentTimeout"] == 2
        gateway.legacy.process.send_signal(signal.SIGCONT)
        assert gateway.post(envelopes()[0])[1] == gateway.ask_legacy(envelopes()[0])
        before = gateway.quiet()
        gateway.legacy.end()
        for body, media in both_versions(envelopes()[0]):
            status, answer = gateway.post(body, media)
            assert status == 500
            assert namespace(body) in answer and b"cannot be reached" in answer
        calls = gateway.load(200).done()
        assert {(call.status, call.error) for call in calls} == {(500, "")}
        assert gateway.settled(before, 202)["not_observable:IncumbentUnreachable"] == 202


def both_versions(body: bytes) -> Sequence[tuple[bytes, str]]:
    """A request in SOAP 1.1 and in 1.2, with its media type."""
    newer = body.replace(namespace(body), b"http://www.w3.org/2003/05/soap-envelope")
    return [(body, "text/xml; charset=utf-8"), (newer, SOAP12)]


def namespace(body: bytes) -> bytes:
    """Of the envelope."""
    old, new = b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"
    return old if old in body else new


# Cutover


def test_raising_the_percentage_moves_nobody_back(plain: Served, expected: Sequence[str]) -> None:
    moved: set[int] = set()
    for percent in (10, 25, 60):
        plain.edit(stage="canary", percent=percent)
        calls = plain.load(1000).done()
        assert not [call for call in calls if call.error or call.status != 200]
        candidates = {call.at for call in calls if call.digest != expected[call.at]}
        assert moved < candidates
        assert 0.7 * percent < len(candidates) / 10 < 1.3 * percent
        moved = candidates


def test_a_hold_reaches_every_worker_and_survives_a_restart(tmp_path: Path, expected: Sequence[str]) -> None:
    """Given stage live, when the route is held, then legacy answers, also after a restart, until it is resumed."""
    with served(tmp_path, stage="live", workers=2) as gateway:
        until(lambda: by_candidate(gateway, expected) == 40, "the candidate to answer")
        holds.hold(gateway.engine, ROUTE, "complaints", "ada")
        # One worker may know it a moment before the other, and any of them may take most of the calls of a round.
        until(lambda: not any(by_candidate(gateway, expected) for _ in range(5)), "the hold to be in force")
        assert gateway.terminate() == 0
        gateway.start()
        assert by_candidate(gateway, expected) == 0
        gateway.edit(percent=1)
        assert by_candidate(gateway, expected) == 0
        holds.resume(gateway.engine, ROUTE, "ada", "explained")
        until(lambda: by_candidate(gateway, expected) == 40, "the candidate to answer")


def by_candidate(gateway: Served, expected: Sequence[str]) -> int:
    """How many of 40 calls on as many connections the candidate answers."""
    calls = gateway.load(40, connections=40).done()
    assert not [call for call in calls if call.error or call.status != 200]
    return sum(call.digest != expected[call.at] for call in calls)
