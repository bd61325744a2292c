"""`understudy audit`: what was done here, by whom and why, and whether the chain of it is whole."""

import json
from pathlib import Path

from sqlalchemy import Engine, delete

from gateway.store.audit import head
from gateway.store.engine import writing
from gateway.store.tables import audit
from tests.integration.cli.conftest import Run


def test_whatever_commands_change_is_told_with_its_author_and_reason(run: Run, engine: Engine) -> None:
    run("stage", "loan_decision", "canary", "--percent", "2.5", "--reason", "a first look")
    run("hold", "loan_decision", "--reason", "month end")
    run("resume", "loan_decision", "--reason", "month is over")
    told = json.loads(run("audit", "--json").output)
    assert told["head"] == head(engine)
    assert [(one["action"], one["scope"], one["who"], one["reason"]) for one in told["entries"]] == [
        ("resume", "loan_decision", "ada", "month is over"),
        ("hold", "loan_decision", "ada", "month end"),
        ("stage", "loan_decision", "ada", "a first look"),
    ]
    assert (told["entries"][2]["before"], told["entries"][2]["after"]) == ("shadow", "canary 2.5 %")
    shown = run("audit", "--limit", "1").output
    assert "month is over" in shown and "a first look" not in shown and head(engine) in shown


def test_a_chain_is_verified_against_a_head_from_a_report(run: Run, engine: Engine) -> None:
    run("hold", "loan_decision", "--reason", "month end")
    kept = json.loads(run("report", "loan_decision", "--json").output)["audit_head"]
    assert kept == head(engine)
    ran = run("audit", "verify", "--head", kept)
    assert (ran.exit_code, "the chain is whole: 1 entries" in ran.output) == (0, True)
    with writing(engine) as connection:
        connection.execute(delete(audit))
    assert run("audit", "verify").exit_code == 0
    ran = run("audit", "verify", "--head", kept)
    assert ran.exit_code == 1 and "cut off" in ran.stderr


def test_a_stage_is_set_although_the_store_is_not_there_and_this_is_said(run: Run, path: Path) -> None:
    ran = run("stage", "loan_decision", "off", "--reason", "it burns")
    assert ran.exit_code == 0 and "stage: off" in path.read_text()
    assert "not in the audit chain" in ran.stderr
