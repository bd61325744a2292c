"""Dead letters as operators have them: shown, put back, and in a ledger that outlives broker and gateway."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.store import dead
from gateway.store.audit import entries
from gateway.store.engine import connect
from gateway.store.migrate import migrate
from tests.integration.amqp.conftest import Case
from tests.integration.amqp.rig import channel, depth, until
from tests.integration.amqp.test_answering import DEAD, request
from tests.integration.amqp.test_forward import forwarding
from tests.integration.amqp.test_operating import command, written


def ledger(case: Case) -> dict[str, Any]:
    """What the command says of the ledger."""
    ran = command(case.folder / "understudy.yaml", "dead", "loans", "--json")
    assert ran.exit_code == 0, ran.output
    told: dict[str, Any] = json.loads(ran.stdout)["ledger"]
    return told


def noted(case: Case, count: int) -> Callable[[], bool]:
    """Whether so many dead letters are in the ledger."""
    engine = connect("sqlite:///understudy.db", case.folder)
    return lambda: sum(one.came for one in dead.sums(engine, "loans")) == count


def test_dead_letters_are_shown_and_put_back_with_their_ids_and_then_answered(case: Case) -> None:
    queue = case.queue("requests")
    text = case.text(case.settings({"queue": queue}), "live")
    path = written(case, text)
    gateway = case.gateway(text)
    caller = case.caller()
    named = [caller.send(queue, request(at, -5), message_id=f"m{at}", headers={"a": at}) for at in range(3)]
    until(lambda: depth(case.node, DEAD) == 3, "the dead letters")
    shown = command(path, "dead", "loans", "--show", "1")
    assert shown.exit_code == 0, shown.output
    assert "loans: 3 dead letters\n" in shown.output and shown.output.count("CandidateFailed: negative") == 4
    assert "message_id: m0" in shown.output and "headers.a: 0" in shown.output
    until(lambda: depth(case.node, DEAD) == 3, "what was looked at to be back: looking changes nothing")
    first = next(line.split()[0] for line in shown.output.splitlines() if " Score " in line)
    gateway.end()
    assert "1 put back" in command(path, "dead", "loans", "--resubmit", first).output
    until(lambda: (depth(case.node, DEAD), depth(case.node, queue)) == (2, 1), "one of three put back")
    wrong = command(path, "dead", "loans", "--resubmit", first)
    assert wrong.exit_code == 1 and first in wrong.stderr
    assert "2 put back" in command(path, "dead", "loans", "--all").output
    until(lambda: (depth(case.node, DEAD), depth(case.node, queue)) == (0, 3), "all put back")
    with channel(case.node) as one:
        _, properties, body = one.basic_get(queue)
    assert (properties.message_id, properties.correlation_id, properties.headers) == ("m0", named[0], {"a": 0})
    assert (properties.reply_to, body) == (caller.queue, request(0, -5))
    case.gateway(case.text(case.settings({"queue": queue}), "live", model="says_half", accept="half:1"))
    caller.wait(named[1:])


def test_the_ledger_says_what_came_who_put_it_back_and_what_came_of_that(case: Case) -> None:
    queue = case.queue("requests")
    text = case.text(case.settings({"queue": queue}), "live")
    path = written(case, text)
    gateway = case.gateway(text)
    caller = case.caller()
    for at in range(3):
        caller.send(queue, request(at, -5), message_id=f"m{at}")
    caller.send(queue, b"c1 {")
    until(noted(case, 4), "all in the ledger")
    told = ledger(case)
    assert {one["reason"]: one["came"] for one in told["sums"]} == {"CandidateFailed": 3, "Undecodable": 1}
    assert (told["there"], told["missing"], told["acts"]) == (4, 0, [])
    # The gateway runs: what is put back dies again at once, under the same id.
    named = json.loads(command(path, "dead", "loans", "--json").stdout)["letters"][0]["id"]
    put_back = command(path, "dead", "loans", "--resubmit", named, "--reason", "a try")
    assert put_back.exit_code == 0, put_back.output
    until(noted(case, 5), "it to come again")
    gateway.end()
    until(lambda: depth(case.node, DEAD) == 4, "it to be there again")
    told = ledger(case)
    assert (told["came"], told["put_back"], told["again"], told["there"], told["missing"]) == (5, 1, 1, 4, 0)
    [act] = told["acts"]
    assert (act["letter"], act["operation"], act["again"]) == (named, "Score", True)
    engine = connect("sqlite:///understudy.db", case.folder)
    [event] = [one.event for one in entries(engine) if one.event.action == "resubmit"]
    assert (event.scope, event.reason, event.details["ids"]) == ("adapters.loans", "a try", named)
    assert "the ledger balances" in command(path, "dead", "loans").stdout
    # The broker loses them: the ledger, in the store, knows which.
    with channel(case.node) as one:
        one.queue_purge(DEAD)
    told = ledger(case)
    assert (told["there"], told["missing"], len(told["gone"])) == (0, 4, 4) and named in told["gone"]
    said = command(path, "dead", "loans")
    assert "5 came = 0 there + 1 put back + 0 erased + 4 missing" in said.stderr and named in said.stderr


def test_what_is_put_aside_while_the_store_is_away_is_noted_when_it_is_back(case: Case) -> None:
    queue = case.queue("requests")
    text = case.text(case.settings({"queue": queue}), "live")
    path = written(case, text)
    case.gateway(text)
    caller = case.caller()
    caller.ask(queue, request(1))
    store, away = case.folder / "understudy.db", case.folder / "away.db"
    store.rename(away)
    caller.send(queue, b"nonsense")
    until(lambda: depth(case.node, DEAD) == 1, "the dead letter")
    shown = command(path, "dead", "loans")
    assert shown.exit_code == 0 and "1 dead letter\n" in shown.stdout and "the ledger cannot be read" in shown.stderr
    refused = command(path, "dead", "loans", "--all")
    assert refused.exit_code == 3 and depth(case.node, DEAD) == 1, "what cannot be noted is not done"
    away.rename(store)
    until(noted(case, 1), "it in the ledger")
    assert ledger(case)["missing"] == 0


def test_what_the_broker_put_aside_by_itself_is_noted_when_somebody_looks_and_put_back(case: Case) -> None:
    queue = f"{case.queue('ours')}.quorum"
    case.queues.append(queue)
    text = case.text(case.settings({"queue": queue, "declare": "quorum"}), "live")
    path = written(case, text)
    gateway = case.gateway(text)
    caller = case.caller()
    until(lambda: depth(case.node, queue) == 0, "our queue to be made")
    gateway.end()
    caller.send(queue, request(1), message_id="m1", expiration="50")
    until(lambda: depth(case.node, DEAD) == 1, "the broker to put it aside")
    [letter] = json.loads(command(path, "dead", "loans", "--json").stdout)["letters"]
    assert (letter["operation"], letter["reason"]) == ("Score", "the broker put it aside (expired)")
    assert len(letter["id"]) == 24, "a name that stays, wherever it stands in the queue"
    assert command(path, "dead", "loans", "--resubmit", letter["id"]).exit_code == 0
    told = ledger(case)
    assert (told["came"], told["put_back"], told["there"], told["missing"]) == (1, 1, 0, 0)
    assert depth(case.node, queue) == 1


def test_one_that_cannot_go_back_stays_and_keeps_no_other(case: Case) -> None:
    queue, other = case.queue("requests"), case.queue("other")
    for at, one in enumerate((other, queue), 1):
        text = case.text(case.settings({"queue": one}), "live")
        gateway = case.gateway(text)
        case.caller().send(one, b"nonsense")
        until(noted(case, at), "it in the ledger")
        gateway.end()
    path = written(case, text)
    with channel(case.node) as one:
        one.queue_delete(other)
    ran = command(path, "dead", "loans", "--all")
    assert ran.exit_code == 1 and f"the queue {other!r} does not take it" in ran.stderr
    assert "1 put back" in ran.stdout
    assert (depth(case.node, queue), depth(case.node, DEAD)) == (1, 1)
    assert (ledger(case)["put_back"], ledger(case)["missing"]) == (1, 0)


def test_looking_makes_no_queue_and_takes_no_reply(case: Case) -> None:
    operation = forwarding(case, case.queue("old"))
    path = written(case, case.text(case.settings(operation)))
    migrate("sqlite:///understudy.db", case.folder)
    assert command(path, "dead", "loans").stdout == "loans: 0 dead letters\n"
    assert command(path, "dead", "loans", "--all").stdout == "loans: there are no dead letters; nothing was put back\n"
    for queue in (DEAD, "understudy.loans.replies"):
        assert depth(case.node, queue) is None, queue


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password": "not-guest"}, ["ACCESS_REFUSED", "check `user` and `password`"]),
        ({"vhost": "nowhere"}, ["vhost nowhere not found", "check `vhost`"]),
        ({"addresses": ["amqp://127.0.0.1:1", "amqp://127.0.0.1:2"]},
         ["127.0.0.1:1: [Errno 111] Connection refused; 127.0.0.1:2: ", "check `addresses`"]),
        ({"addresses": ["amqps://PLAIN"]}, ["SSL", "amqps:// is for a port that speaks TLS"]),
    ],
)  # fmt: skip
def test_who_cannot_reach_the_broker_is_told_why_and_what_to_do_and_has_the_ledger(
    case: Case, wrong: dict[str, Any], said: list[str]
) -> None:
    settings = case.settings({"queue": case.queue("requests")}, **wrong)
    settings["addresses"] = [one.replace("PLAIN", case.node.address) for one in settings["addresses"]]
    path = written(case, case.text(settings))
    migrate("sqlite:///understudy.db", case.folder)
    engine = connect("sqlite:///understudy.db", case.folder)
    dead.note(engine, [dead.Burial("loans", "Score", "a", "Undecodable", datetime.now(UTC))])
    for words in (("dead", "loans"), ("dead", "loans", "--all"), ("leave", "loans")):
        ran = command(path, *words)
        assert ran.exit_code == 1, ran.output
        assert all(one in ran.stderr for one in said), ran.stderr
        assert "not-guest" not in ran.output
        assert ("1 came; how many are still there cannot be seen" in ran.stdout) is (words == ("dead", "loans"))


def test_a_letter_that_nobody_can_place_is_shown_and_stays(case: Case) -> None:
    path = written(case, case.text(case.settings({"queue": case.queue("requests")})))
    migrate("sqlite:///understudy.db", case.folder)
    with channel(case.node) as one:
        one.queue_declare(DEAD, durable=True, arguments={"x-queue-type": "quorum"})
        one.basic_publish("", DEAD, b"what is this")
    until(lambda: depth(case.node, DEAD) == 1, "it")
    [letter] = json.loads(command(path, "dead", "loans", "--json").stdout)["letters"]
    assert (letter["reason"], letter["since"]) == ("somebody else put it there", None)
    ran = command(path, "dead", "loans", "--all")
    assert ran.exit_code == 1 and "nothing says which queue it came from" in ran.stderr
    assert depth(case.node, DEAD) == 1
