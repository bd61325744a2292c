"""`understudy leave` and `understudy dead`: what they ask of an adapter, and what they say."""

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway import registry
from gateway.store.audit import entries
from tests.integration.cli.conftest import TEXT, Run, gateway_json
from tests.integration.cli.leaving import Leaving


@pytest.fixture
def folder(path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an adapter called `out` has put something, and keeps 25 dead letters."""
    offered = {**registry.ADAPTERS, "leaving": "tests.integration.cli.leaving:Leaving"}
    monkeypatch.setattr(registry, "ADAPTERS", offered)
    path.write_text(TEXT.replace("  alone:", "  out: {type: leaving, operations: [Score]}\n  alone:"))
    (path.parent / "ours").touch()
    (path.parent / "dead").write_text(json.dumps({f"d{at:02}": "undecodable" for at in range(25)}))
    return path.parent


def test_leaving_says_what_was_done_and_can_be_repeated(run: Run, folder: Path) -> None:
    ran = run("leave", "out")
    assert ran.exit_code == 0, ran.output
    assert ran.output.splitlines() == ["ours was removed", "out has left; take it out of the configuration"]
    assert not (folder / "ours").exists()
    assert run("leave", "out").exit_code == 0


def test_who_cannot_leave_yet_says_why(run: Run, folder: Path) -> None:
    (folder / "busy").touch()
    ran = run("leave", "out", "--patience", "7")
    assert (ran.exit_code, ran.stderr.strip()) == (1, "another gateway uses it; waited 7 s")
    assert (folder / "ours").exists()


def test_nobody_leaves_while_the_gateway_would_put_everything_back(run: Run, folder: Path) -> None:
    facts = {"pid": os.getpid(), "version": "v1", "data": "d", "admin": "a", "processes": {}}
    gateway_json(folder / ".understudy", json.dumps(facts))
    ran = run("leave", "out")
    assert ran.exit_code == 1
    assert f"process {os.getpid()}" in ran.stderr and "stop the gateway" in ran.stderr
    assert (folder / "ours").exists()


def test_an_adapter_that_put_nothing_anywhere_says_so(run: Run) -> None:
    ran = run("leave", "loans")
    assert ran.exit_code == 0
    assert "nothing to take out" in ran.output


def test_the_oldest_dead_letters_are_listed_without_their_bodies(run: Run, folder: Path) -> None:
    ran = run("dead", "out")
    assert ran.exit_code == 0, ran.output
    assert ran.output.startswith("out: 25 dead letters\n")
    assert "d00" in ran.output and "d19" in ran.output and "d20" not in ran.output
    assert "2004-05-03 12:00:00" in ran.output and "undecodable" in ran.output
    assert "secret" not in ran.output


def test_a_dead_letter_is_shown_whole_when_asked_for_and_cannot_move_the_cursor(run: Run, folder: Path) -> None:
    ran = run("dead", "out", "--show", "2")
    assert ran.output.count("b'\\xff secret'") == 2
    assert "\x1b" not in ran.output and r"loan\x1b[2J" in ran.output


def test_one_or_all_are_put_back(run: Run, folder: Path) -> None:
    assert "out: 1 put back" in run("dead", "out", "--resubmit", "d03").output
    assert "out: 24 put back" in run("dead", "out", "--all").output
    told = run("dead", "out").output
    assert told.startswith("out: 0 dead letters\n")
    assert "25 came = 0 there + 25 put back + 0 erased; the ledger balances" in told


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (("dead", "out", "--resubmit", "d99"), 1, "no dead letter is called d99"),
        (("dead", "out", "--resubmit", "d01", "--all"), 2, "not both"),
        (("dead", "out", "--all", "--show", "1"), 2, "go with looking"),
        (("dead", "loans"), 2, "keeps no dead letters"),
        (("dead", "loan"), 2, "did you mean 'loans'?"),
        (("leave", "loan"), 2, "did you mean 'loans'?"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    run: Run, folder: Path, words: tuple[str, ...], code: int, problem: str
) -> None:
    ran = run(*words)
    assert ran.exit_code == code
    assert problem in ran.stderr


def test_where_ids_name_somebody_there_is_no_ledger_and_the_audit_has_a_number_only(
    run: Run, folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Leaving, "nameless", False)
    shown = run("dead", "out")
    assert "came" not in shown.output and json.loads(run("dead", "out", "--json").stdout)["ledger"] is None
    assert (
        run("dead", "out", "--resubmit", "d03").exit_code == run("dead", "out", "--resubmit", "d99").exit_code - 1 == 0
    )
    assert run("dead", "out", "--all", "--reason", "mended").exit_code == 0
    events = [one.event for one in entries(engine)]
    assert [(one.action, one.scope, one.before, one.reason) for one in events] == [
        ("resubmit", "adapters.out", "24 dead letters", "mended"),
        ("resubmit", "adapters.out", "1 dead letter", ""),
    ]
    assert all("d0" not in json.dumps(dict(one.details)) for one in events)
