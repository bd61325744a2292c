"""What operators do with it: look, put back, take out; and what happens when brokers come, go and block."""

import asyncio
import json
import socket
import time
import uuid
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import pika
import pytest
from typer.testing import CliRunner, Result

from gateway import assembly
from gateway.cli import app
from gateway.config import parse
from gateway.contract import Adapter, Unfinished
from tests.integration.amqp.conftest import Case
from tests.integration.amqp.rig import decided, depth, until
from tests.integration.amqp.test_answering import DEAD, request
from tests.integration.amqp.test_forward import forwarding
from tests.integration.amqp.test_tap import TAP, exchange, tapping


def written(case: Case, text: str) -> Path:
    path = case.folder / "understudy.yaml"
    path.write_text(text)
    return path


def command(path: Path, *words: str) -> Result:
    return CliRunner().invoke(app, words, env={"UNDERSTUDY_CONFIG": str(path), "COLUMNS": "200"})


def asked(case: Case, settings: Mapping[str, Any], question: str, *arguments: Any) -> Any:
    """What the adapter answers to a question, in a loop of its own."""

    async def main() -> Any:
        adapter: Adapter = assembly.adapters(parse(case.text(settings), case.folder / "understudy.yaml", {}))["loans"]
        try:
            answer: Coroutine[Any, Any, Any] = getattr(adapter, question)(*arguments)
            return await answer
        finally:
            await adapter.close()

    return asyncio.run(main())


# Leaving.


def test_leaving_gives_the_worker_what_waits_and_removes_all_that_is_ours(case: Case) -> None:
    old, name = case.queue("old"), exchange(case)
    ours = f"ours.{name}"
    operation = {
        "queue": ours, "declare": "quorum", "bind": [{"exchange": name, "routing_key": "loans"}],
        "forward": {"routing_key": old},
    }  # fmt: skip
    settings = case.settings(operation)
    path = written(case, case.text(settings, "off"))
    gateway = case.gateway(case.text(settings, "off"))
    until(lambda: depth(case.node, ours) == 0, "our queue")
    busy = command(path, "leave", "loans", "--patience", "5")
    assert busy.exit_code == 1 and "stop every gateway first" in busy.stderr
    gateway.end()
    caller = case.caller()
    named = [caller.send("loans", request(at), exchange=name) for at in range(5)]
    until(lambda: depth(case.node, ours) == 5, "the requests to wait")
    worker = case.worker(old)
    left = command(path, "leave", "loans", "--patience", "15")
    assert left.exit_code == 0, left.output
    assert f"{ours} is no longer bound to {name}" in left.output and "5 requests" in left.output
    assert [one.body for one in caller.wait(named)] == [decided(request(at)) for at in range(5)]
    assert len(worker.seen) == 5
    for queue in (ours, "understudy.loans.replies", DEAD):
        assert depth(case.node, queue) is None, queue
    again = command(path, "leave", "loans")
    assert again.exit_code == 0 and "removed" not in again.output


def test_replies_that_come_while_it_leaves_are_relayed(case: Case) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    worker = case.worker(old, prefetch=1)
    worker.gate.clear()
    gateway = case.gateway(case.text(case.settings(operation)))
    caller = case.caller()
    named = [caller.send(str(operation["queue"]), request(at)) for at in range(20)]
    until(lambda: gateway.events().get("received") == 20 and depth(case.node, str(operation["queue"])) == 0, "all")
    gateway.end()
    worker.gate.set()
    assert "its replies are relayed" in " ".join(asked(case, case.settings(operation), "leave", 15.0))
    assert [one.body for one in caller.wait(named)] == [decided(request(at)) for at in range(20)]


def test_a_tap_leaves_without_a_trace(case: Case) -> None:
    settings = case.settings(tapping(exchange(case)))
    gateway = case.gateway(case.text(settings))
    until(lambda: depth(case.node, TAP) == 0, "the tap")
    gateway.end()
    asked(case, settings, "leave", 1.0)
    assert depth(case.node, TAP) is None and depth(case.node, DEAD) is None


def test_dead_letters_and_requests_that_nobody_takes_keep_it_from_leaving(case: Case) -> None:
    queue = f"{case.queue('ours')}.quorum"
    settings = case.settings({"queue": queue, "declare": "quorum"})
    case.queues.append(queue)
    gateway = case.gateway(case.text(settings, "live"))
    caller = case.caller()
    until(lambda: depth(case.node, queue) == 0, "our queue")
    caller.send(queue, b"nonsense")
    until(lambda: depth(case.node, DEAD) == 1, "the dead letter")
    gateway.end()
    with pytest.raises(Unfinished, match=r"dead letters are left \(1\)"):
        asked(case, settings, "leave", 1.0)
    caller.send(queue, request(1))
    until(lambda: depth(case.node, queue) == 1, "a request")
    with pytest.raises(Unfinished, match="there is no worker to give them to"):
        asked(case, settings, "leave", 1.0)
    assert depth(case.node, queue) == 1, "and it is still there"


# One person.


def test_of_the_stored_replies_those_of_one_person_are_erased_and_her_request_alone_is_scored_again(
    case: Case,
) -> None:
    queue = case.queue("requests")
    settings = case.settings({"queue": queue}, dedupe="store")
    path = written(case, case.text(settings, "live"))
    gateway = case.gateway(path.read_text())
    caller = case.caller()
    for at in range(3):
        caller.send(queue, request(at), f"c{at}", message_id=f"m{at}")
    caller.wait(["c0", "c1", "c2"])
    gateway.end()
    erased = command(path, "erase", "loan", "c1")
    assert erased.exit_code == 0 and "stored replies: 1 removed" in erased.output, erased.output
    assert "stored replies of unknown persons: 0 removed" in erased.output
    again = case.gateway(path.read_text())  # in its memory is nothing of before
    caller.replies.clear()
    for at in range(3):
        caller.send(queue, request(at), f"c{at}", message_id=f"m{at}")
    caller.wait(["c0", "c1", "c2"])
    until(lambda: again.events().get("answered") == 3, "all answers to be confirmed")
    assert again.events()["repeated"] == 2


# Brokers.


def test_a_probe_names_everything_that_is_missing(case: Case) -> None:
    queue = case.queue("requests")
    missing = {"queue": "no.such", "forward": {"routing_key": "no.worker"}, "answer": {"exchange": "no.exchange"}}
    assert asked(case, case.settings({"queue": queue}), "probe") == []
    assert asked(case, case.settings(missing), "probe") == [
        "adapters.loans.operations.Score.queue: there is no queue 'no.such'",
        "adapters.loans.operations.Score.forward.routing_key: there is no queue 'no.worker'",
        "adapters.loans.operations.Score.answer.exchange: there is no exchange 'no.exchange'",
    ]
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = f"amqp://127.0.0.1:{nobody.getsockname()[1]}"
        found = asked(case, case.settings({"queue": queue}) | {"addresses": [away]}, "probe")
        assert len(found) == 1 and away in found[0]
    wrong = asked(case, case.settings({"queue": queue}) | {"password": "wrong"}, "probe")
    assert len(wrong) == 1 and "wrong" not in wrong[0]


def test_the_next_address_is_tried_where_one_is_away(case: Case) -> None:
    queue = case.queue("requests")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings = case.settings({"queue": queue})
        settings["addresses"] = [f"amqp://127.0.0.1:{nobody.getsockname()[1]}", *settings["addresses"]]
        case.gateway(case.text(settings, "live"))
        case.caller().ask(queue, request(1))


@pytest.mark.parametrize("shown", [True, False])
def test_tls_trusts_the_named_authority_and_shows_our_certificate(case: Case, shown: bool) -> None:
    queue, folder = case.queue("requests"), case.node.folder
    settings = case.settings({"queue": queue}) | {"addresses": [f"amqps://127.0.0.1:{case.node.tls_port}"]}
    settings["tls"] = {"ca": str(folder / "authority.pem")}
    if not shown:
        [problem] = asked(case, settings, "probe")
        assert "cannot be used" in problem
        return
    settings["tls"] |= {"certificate": str(folder / "client.pem")}
    assert asked(case, settings, "probe") == []
    case.gateway(case.text(settings, "live"))
    named = case.caller()
    named.ask(queue, request(1))


def test_a_broker_that_takes_nothing_for_now_pauses_reading_and_loses_nothing(case: Case) -> None:
    """As when it is short of memory: what cannot be answered is not taken from the queue either."""
    queue = case.queue("requests")
    caller = case.caller()
    named = [caller.send(queue, request(at)) for at in range(400)]
    until(lambda: depth(case.node, queue) == 400, "the requests")
    case.node.control("set_vm_memory_high_watermark", "0.00000001")
    try:
        gateway = case.gateway(case.text(case.settings({"queue": queue}, prefetch=50), "live"))
        budget = gateway.inside.adapters["loans"]._broker.budget  # type: ignore[attr-defined]  # to be watched
        until(lambda: budget.full, "reading to rest")
        caller.settle(1)
        assert (depth(case.node, queue) or 0) >= 300 and budget.full
    finally:
        case.node.control("set_vm_memory_high_watermark", "0.5")
    caller.wait(named)
    until(lambda: depth(case.node, queue) == 0, "all to be acknowledged")
    assert gateway.events()["received"] == 400 and not budget.full


def test_a_vhost_is_entered_as_a_user_whose_password_is_in_the_environment(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    vhost, password = f"bank.{uuid.uuid4().hex}", uuid.uuid4().hex
    made = (
        f'V = <<"{vhost}">>, rabbit_vhost:add(V, V), rabbit_auth_backend_internal:add_user(V, <<"{password}">>, V),'
        ' rabbit_auth_backend_internal:set_permissions(V, V, <<".*">>, <<".*">>, <<".*">>, V).'
    )
    case.node.control("eval", made)  # a vhost, a user of the same name, and all rights there
    monkeypatch.setenv("MQ_PASSWORD", password)
    operation = {"queue": "loans", "answer": {"routing_key": "answers"}}
    settings = case.settings(operation, vhost=vhost) | {"user": vhost, "password": "${MQ_PASSWORD}"}
    entry = pika.ConnectionParameters("127.0.0.1", case.node.port, vhost, pika.PlainCredentials(vhost, password))
    with pika.BlockingConnection(entry) as connection:
        legacy = connection.channel()
        for queue in ("loans", "answers"):
            legacy.queue_declare(queue, durable=True)
        case.gateway(case.text(settings, "live"))
        legacy.basic_publish("", "loans", request(1))
        until(lambda: legacy.queue_declare("answers", passive=True).method.message_count, "the answer")
        assert json.loads(legacy.basic_get("answers")[2]) == {"Decision": "A"}


@pytest.mark.long
def test_heartbeats_go_on_while_reading_rests(case: Case) -> None:
    """More than three seconds at a heartbeat of one: the connection lasts, and nothing is delivered twice."""
    old = case.queue("old")
    operation = forwarding(case, old)
    worker = case.worker(old)
    worker.gate.clear()
    gateway = case.gateway(case.text(case.settings(operation, heartbeat="1s", prefetch_bytes="1KiB")))
    budget = gateway.inside.adapters["loans"]._broker.budget  # type: ignore[attr-defined]  # to be watched
    caller = case.caller()
    named = [caller.send(str(operation["queue"]), request(at)) for at in range(200)]
    until(lambda: budget.full, "reading to rest")
    begun = time.monotonic()
    until(lambda: time.monotonic() - begun > 3.5, "several heartbeats")
    assert budget.full
    worker.gate.set()
    caller.wait(named)
    assert len(worker.seen) == 200
    until(lambda: gateway.events()["received"] == 200, "the count")
