"""`understudy stage`: the file changes where it should, or not at all."""

import json
import os
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.config import load
from gateway.store.audit import entries
from gateway.store.holds import hold
from tests.integration.cli.conftest import TEXT, Run, gateway_json

OLD, NEW = "    stage: shadow   # off", "    stage: canary   # off"


def test_a_stage_is_set_and_every_other_byte_stays(run: Run, path: Path, engine: Engine) -> None:
    path.chmod(0o640)
    ran = run("stage", "loan_decision", "canary", "--percent", "2.50", "--reason", "a first look")
    assert ran.exit_code == 0, ran.output
    changed = path.read_text()
    assert changed.replace("\n    percent: 2.5\n", "\n", 1) == TEXT.replace(OLD, NEW)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in path.parent.glob(".understudy.yaml*")] == []
    assert "loan_decision: configured canary 2.5 %, in force canary 2.5 %" in ran.output
    assert "takes effect at start" in ran.output


def test_without_a_stage_it_is_shown_with_who_changed_it_last(run: Run, path: Path, engine: Engine) -> None:
    run("stage", "loan_decision", "live", "--reason", "the board said so")
    before = path.read_bytes()
    ran = run("stage", "loan_decision")
    assert "loan_decision: configured live, in force live" in ran.output
    assert "last changed from shadow by ada at" in ran.output
    assert "the board said so" in ran.output
    assert path.read_bytes() == before


def test_the_same_stage_again_changes_nothing(run: Run, path: Path, engine: Engine) -> None:
    ran = run("stage", "loan_decision", "shadow")
    assert (ran.exit_code, path.read_text()) == (0, TEXT)
    assert "is so already" in ran.output
    assert entries(engine) == []


def test_what_would_be_wrong_is_refused_and_the_file_stays(run: Run, path: Path, engine: Engine) -> None:
    for words, problem in (
        (("rating", "shadow"), "stage shadow needs a candidate"),
        (("modern", "canary"), "stage canary needs an incumbent"),
        (("loan_decision", "canary", "--percent", "101"), "from 0 to 100"),
        (("loan_decision", "canary", "--percent", "0.001"), "steps of 0.01"),
        (("loan_desicion", "live"), "no route is called 'loan_desicion', did you mean 'loan_decision'?"),
    ):
        ran = run("stage", *words)
        assert (ran.exit_code, ran.stdout) == (2, ""), ran.output
        assert problem in ran.stderr
    many = run("stage", "loan_decision", "canary", "--percent", "many")
    assert many.exit_code == 2 and "Value error" not in many.output
    assert path.read_text() == TEXT


def test_a_problem_that_was_there_before_does_not_keep_a_route_from_going_back(run: Run, path: Path) -> None:
    path.write_text(TEXT.replace("stage: off", "stage: live\n    candidate: credit\n    effects: none\n    accept: x")
                    .replace("loans/Rate", "loans/Nothing"))  # fmt: skip
    ran = run("stage", "loan_decision", "off")
    assert ran.exit_code == 0, ran.output
    assert "no such operation" in ran.stderr
    assert "in force not known" in ran.output
    assert load(path, os.environ).config.routes["loan_decision"].stage.name == "OFF"


def test_what_keeps_a_stage_from_being_in_force_is_said(run: Run, path: Path, engine: Engine) -> None:
    hold(engine, "loan_decision", "month end", "ada")
    path.write_text(TEXT.replace("accept: constant:1", "accept: constant:0", 1))
    ran = run("stage", "loan_decision", "live")
    assert "loan_decision: configured live, in force shadow" in ran.output
    assert "loan_decision: held: month end" in ran.output
    assert "the model is constant:1, and what the route accepts is constant:0" in ran.output


def test_a_canary_of_nobody_is_remarked_upon(run: Run, engine: Engine) -> None:
    assert "moves nobody" in run("stage", "loan_decision", "canary").output


def test_it_works_while_the_store_does_not_answer(run: Run) -> None:
    ran = run("stage", "loan_decision", "live")
    assert ran.exit_code == 0, ran.output
    assert "holds are not known" in ran.stderr
    assert "in force shadow" in ran.output


def test_a_link_stays_a_link(run: Run, path: Path, engine: Engine) -> None:
    real = path.rename(path.parent / "real.yaml")
    path.symlink_to(real.name)
    assert run("stage", "loan_decision", "live").exit_code == 0
    assert path.is_symlink()
    assert "stage: live   # off" in real.read_text()


def test_it_waits_until_the_running_gateway_serves_the_new_version(run: Run, path: Path, engine: Engine) -> None:
    facts = {"pid": os.getpid(), "version": "old", "data": "http://h:1", "admin": "http://h:2", "processes": {}}
    gateway_json(path.parent / ".understudy", json.dumps(facts))

    def gateway() -> None:
        deadline = time.monotonic() + 10
        while path.read_text() == TEXT and time.monotonic() < deadline:
            time.sleep(0.01)
        gateway_json(path.parent / ".understudy", json.dumps(facts | {"version": load(path, os.environ).version}))

    taking = threading.Thread(target=gateway)
    taking.start()
    ran = run("stage", "loan_decision", "live")
    taking.join()
    assert ran.exit_code == 0, ran.output
    assert "the running gateway serves it" in ran.output


def test_a_gateway_that_does_not_take_it_up_is_no_success(
    run: Run, path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.stage.PATIENCE", 0.0)
    facts = {"pid": os.getpid(), "version": "old", "data": "http://h:1", "admin": "http://h:2", "processes": {}}
    gateway_json(path.parent / ".understudy", json.dumps(facts))
    ran = run("stage", "loan_decision", "live")
    assert ran.exit_code == 1
    assert "still serves version old" in ran.stderr
