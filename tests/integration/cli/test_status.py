"""`understudy status`: what the store says, whether a gateway runs or not."""

import json
import os
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway.config import load
from gateway.statistics.rates import wilson
from gateway.store.holds import hold
from tests.integration.cli.conftest import Run, gateway_json
from tests.integration.cli.samples import fill


def told(run: Run) -> Any:
    ran = run("status", "--json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def test_an_empty_store_has_nothing_to_tell_and_is_no_error(run: Run, engine: Engine) -> None:
    status = told(run)
    assert (status["running"], status["since"], status["replicas"], status["holds"]) == (None, None, [], [])
    route = status["routes"]["loan_decision"]
    assert (route["stage"], route["in_force"], route["balanced"]) == ("shadow", "shadow", True)
    assert route["agreement"]["rate"] is None
    assert {name: one["in_force"] for name, one in status["routes"].items()} == {
        "loan_decision": "shadow", "rating": "off", "modern": "live",
    }  # fmt: skip
    assert run("status").exit_code == 0


def test_traffic_agreement_and_ledger_of_a_route(run: Run, path: Path, engine: Engine) -> None:
    version = load(path, os.environ).version
    fill(engine, 90, 10, version=version)
    status = told(run)
    route = status["routes"]["loan_decision"]
    assert route["traffic"] == {"calls": 100, "incumbent": 100, "candidate": 0, "errors": 0}
    low, high = wilson(90, 100)
    assert route["agreement"] == {
        "agreed": 90, "compared": 100, "rate": 0.9, "low": low, "high": high, "model": "constant:1",
    }  # fmt: skip
    assert (route["ledger"], route["balanced"]) == ({"compared": 100, "seen": 100}, True)
    [replica] = status["replicas"]
    assert (replica["version"], replica["current"]) == (version, True)


def test_a_move_between_stages_forgets_nothing_and_another_model_does(run: Run, engine: Engine) -> None:
    fill(engine, 5, 5, model="constant:0")
    fill(engine, 90, 10)
    fill(engine, 30, 0, stage="canary")
    assert told(run)["routes"]["loan_decision"]["agreement"]["agreed"] == 120
    assert told(run)["routes"]["loan_decision"]["agreement"]["compared"] == 130


def test_a_ledger_that_does_not_balance_says_by_how_much(run: Run, engine: Engine) -> None:
    fill(engine, 9, 1, lost=3)
    assert told(run)["routes"]["loan_decision"]["unaccounted"] == 3
    assert "3 unaccounted for" in run("status").output


def test_holds_and_what_they_do_are_shown(run: Run, path: Path, engine: Engine) -> None:
    run("stage", "loan_decision", "live")
    hold(engine, "*", "attack \x1b[31m", "ada")
    status = told(run)
    assert (status["holds"][0]["scope"], status["routes"]["loan_decision"]["in_force"]) == ("all", "shadow")
    assert status["routes"]["modern"]["in_force"] == "live"
    text = run("status").output
    assert "loan_decision: held: attack" in text
    assert "\x1b" not in text


def test_a_running_gateway_is_shown_and_a_dead_ones_traces_are_not(run: Run, path: Path, engine: Engine) -> None:
    facts = {
        "pid": os.getpid(), "version": "0ld", "data": "http://h:1", "admin": "http://h:2", "processes": {"worker-0": 1},
        "restart_needed": ["store"],
    }  # fmt: skip
    gateway_json(path.parent / ".understudy", json.dumps(facts))
    assert told(run)["running"]["version"] == "0ld"
    text = run("status").output
    assert "serves version 0ld at http://h:1" in text
    assert "restart needed: store changed" in text
    os.utime(path.parent / ".understudy" / "gateway.json", (1, 1))
    assert told(run)["running"] is None


def test_nothing_is_coloured_where_there_is_no_terminal(run: Run, engine: Engine) -> None:
    fill(engine, 1, 1)
    for words in (("status",), ("report", "loan_decision"), ("check",)):
        ran = run(*words, environment={"NO_COLOR": "1"})
        assert (ran.exit_code, "\x1b" in ran.output) == (0, False), ran.output
        assert "\x1b" not in run(*words).output


def test_secrets_of_adapters_need_not_be_there(run: Run, path: Path, engine: Engine) -> None:
    text = path.read_text().replace('incumbent: "tests.integration.cli.old:answer"', 'incumbent: "${ABSENT_ANYWHERE}"')
    path.write_text(text)
    ran = run("status", "--json")
    assert ran.exit_code == 0
    assert run("check").exit_code == 2
