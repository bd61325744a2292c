"""`understudy check`: what is wrong, what is missing, and what is switched off."""

import json
import os
from pathlib import Path

from sqlalchemy import Engine

from gateway.config import load
from tests.integration.cli.conftest import TEXT, Run, gateway_json


def test_a_configuration_that_is_right_passes_even_before_its_store_is_made(run: Run, path: Path) -> None:
    before = sorted(path.parent.iterdir())
    ran = run("check")
    assert ran.exit_code == 0, ran.output
    for said in ("is valid", "store.db is not there yet", "adapter loans: can be reached", "all is well",
                 "model credit: is constant:1 and fits its routes"):  # fmt: skip
        assert said in ran.output
    assert sorted(path.parent.iterdir()) == before


def test_a_migrated_store_is_recognised(run: Run, engine: Engine) -> None:
    assert "store: answers and is migrated" in run("check").output


def test_every_problem_of_the_file_has_its_line(run: Run, path: Path) -> None:
    path.write_text(TEXT.replace("stage: off", "stgae: off").replace("key: id", "key: 5", 1))
    ran = run("check")
    assert (ran.exit_code, ran.stdout) == (2, "")
    lines = ran.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("understudy.yaml line ") for line in lines)
    assert "did you mean 'stage'?" in lines[1]


def test_a_mapping_that_does_not_compile_is_refused(run: Run, path: Path) -> None:
    path.write_text(TEXT.replace("operations: [Score, Rate]", "operations: [Score]"))
    ran = run("check")
    assert ran.exit_code == 2
    assert "understudy.yaml line 29: routes.rating.sources.loans/Rate: the adapter has no such operation" in ran.stderr


def test_what_only_the_route_table_finds_has_its_line_and_the_nearest_name(run: Run, path: Path) -> None:
    path.write_text(TEXT.replace("effects: none", "effects: none\n    compare:\n      decison: exact", 1))
    ran = run("check")
    assert ran.exit_code == 2
    [problem] = ran.stderr.splitlines()
    number, _, said = problem.removeprefix("understudy.yaml line ").partition(": ")
    assert path.read_text().splitlines()[int(number) - 1].strip() == "decison: exact"
    assert said.endswith("compare.decison: no answer field is called 'decison', did you mean 'decision'?")


def test_a_mapping_that_asks_the_model_for_what_it_does_not_give_is_wrong(run: Run, path: Path) -> None:
    path.write_text(TEXT.replace("from: probability_bad", "from: probability"))
    ran = run("check")
    assert ran.exit_code == 1
    said = "model credit: understudy.yaml line 19: routes.loan_decision.answer.fields: the model gives no 'probability'"
    before, _, after = ran.output.partition("something is wrong:")
    assert said in before and f"- {said}" in after  # the summary names what a reader may have scrolled past


def test_a_model_elsewhere_that_does_not_answer_is_wrong(run: Run, path: Path) -> None:
    elsewhere = '{type: bentoml, url: "http://127.0.0.1:9"}'
    path.write_text(TEXT.replace('{type: python, call: "models.local:constant"}', elsewhere))
    ran = run("check")
    assert ran.exit_code == 1
    assert "model credit: cannot be reached" in ran.output


def test_a_store_that_does_not_answer_is_wrong(run: Run, path: Path) -> None:
    path.write_text(TEXT.replace("sqlite:///store.db", "sqlite:///store.txt"))
    (path.parent / "store.txt").write_text("no database, and longer than the header of one\n" * 20)
    ran = run("check")
    assert ran.exit_code == 1
    assert "store: the store does not answer" in ran.output


def test_what_keeps_a_route_from_the_next_stage_is_said(run: Run, path: Path) -> None:
    assert "loan_decision: not ready for canary" not in run("check").output
    path.write_text(TEXT.replace("accept: constant:1", "accept: constant:0", 1).replace("key: id", "# none", 1))
    text = run("check").output
    assert "loan_decision: not ready for canary: understudy.yaml line 10" in text
    assert "rating: not ready for shadow: understudy.yaml line" in text
    path.write_text(TEXT.replace("accept: constant:1", "accept: constant:0", 1))
    assert "loan_decision: not ready for canary: the model is constant:1" in run("check").output


def test_reports_that_the_record_settings_switch_off_are_named(run: Run, path: Path) -> None:
    text = run("check").output
    assert "route rating has no key" in text
    assert "route loan_decision: no drift of id, amount" in text
    assert "route loan_decision: no confusions and no scores of decision" in text
    path.write_text(TEXT + "records: {fields: {amount: keep, id: drop}}\n")
    assert "route loan_decision: no drift of id:" in run("check").output
    assert "route loan_decision: no replay: records.fields must keep or encrypt decision too" in run("check").output
    path.write_text(TEXT + "records: {keep: false}\n")
    text = run("check").output
    assert "no disagreements to look at, no drift of inputs, no export, no replay" in text
    assert "no drift of id" not in text
    path.write_text(TEXT + "records: {fields: {amuont: keep}}\n")
    assert "records.fields names what no route has: amuont" in run("check").output


def test_a_known_difference_that_has_expired_is_named_with_its_owner(run: Run, path: Path) -> None:
    entry = 'known_differences: {old: {owner: "Risk, A. Meyer", reason: rounding, expires: DAY}}'
    for day, named in (("2001-02-03", True), ("2999-01-01", False)):
        path.write_text(TEXT.replace("effects: none", f"effects: none\n    {entry.replace('DAY', day)}", 1))
        assert ("the known difference old expired on 2001-02-03" in run("check").output) is named


def test_it_says_how_the_running_gateway_differs(run: Run, path: Path) -> None:
    folder = path.parent / ".understudy"
    facts = {
        "pid": os.getpid(), "version": "0ld", "data": "http://127.0.0.1:8080", "admin": "http://127.0.0.1:8081",
        "processes": {"worker-0": 1, "observer": 2},
    }  # fmt: skip
    gateway_json(folder, json.dumps(facts))
    assert "serves version 0ld; it takes this one up" in run("check").output
    gateway_json(folder, json.dumps(facts | {"version": load(path, os.environ).version}))
    assert "serves this version" in run("check").output
    path.write_text(TEXT.replace("127.0.0.1:0", "127.0.0.1:7070", 1) + "workers: 2\n")
    assert "restart needed: the running gateway" in (text := run("check").output)
    assert "has other listen, workers" in text
