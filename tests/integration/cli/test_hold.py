"""`understudy hold` and `resume`: what they leave in the store, and what they say when there is nothing to do."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.store.caps import caps
from gateway.store.holds import hold as store_hold
from gateway.store.holds import holds
from tests.integration.cli.conftest import TEXT, Run


def test_a_hold_is_kept_with_its_reason_and_its_author(run: Run, engine: Engine) -> None:
    ran = run("hold", "loan_decision", "--reason", "month end")
    assert ran.exit_code == 0, ran.output
    assert "loan_decision is held" in ran.output
    [one] = holds(engine)
    assert (one.scope, one.kind, one.reason, one.who) == ("loan_decision", "operator", "month end", "ada")


def test_holding_again_says_who_did_it_first_and_changes_nothing(run: Run, engine: Engine) -> None:
    for reason in ("month end", "year end"):
        ran = run("hold", "loan_decision", "--reason", reason)
        assert ran.exit_code == 0
    assert "held already, by ada since" in ran.output
    assert ran.output.rstrip().endswith("month end")
    assert caps(engine).holds == {"loan_decision": "month end"}


def test_all_routes_are_held_and_those_without_an_incumbent_are_named(run: Run, engine: Engine) -> None:
    ran = run("hold", "--all", "--reason", "attack")
    assert "all routes are held" in ran.output
    assert "modern has no incumbent and goes on" in ran.stderr
    assert caps(engine).holds == {"*": "attack"}


def test_a_route_without_incumbent_cannot_be_held(run: Run, engine: Engine) -> None:
    ran = run("hold", "modern", "--reason", "month end")
    assert ran.exit_code == 2
    assert "nobody else could answer" in ran.stderr
    assert holds(engine) == []


def test_a_configuration_that_does_not_compile_can_still_be_held(run: Run, path: Path, engine: Engine) -> None:
    path.write_text(TEXT.replace("operations: [Score, Rate]", "operations: [Score]"))
    ran = run("hold", "loan_decision", "--reason", "month end")
    assert ran.exit_code == 0
    assert "no such operation" in ran.stderr
    assert caps(engine).holds == {"loan_decision": "month end"}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("hold", "lone_decision", "--reason", "x"), "did you mean 'loan_decision'?"),
        (("resume", "lone_decision"), "did you mean 'loan_decision'?"),
        (("hold", "--reason", "x"), "name one route, or say --all"),
        (("hold", "loan_decision", "--all", "--reason", "x"), "name one route, or say --all"),
        (("hold", "loan_decision", "--reason", " "), "--reason is empty"),
        (("hold", "loan_decision"), "--reason"),
    ],
)
def test_a_wrong_command_line_is_refused(run: Run, engine: Engine, words: tuple[str, ...], problem: str) -> None:
    ran = run(*words)
    assert ran.exit_code == 2
    assert problem in ran.stderr
    assert holds(engine) == []


def test_a_resume_ends_the_operators_and_the_guards_hold(run: Run, engine: Engine) -> None:
    store_hold(engine, "loan_decision", "too many disagreements", "guard", "guard")
    run("hold", "loan_decision", "--reason", "month end")
    ran = run("resume", "loan_decision", "--reason", "looked into")
    assert "loan_decision is resumed" in ran.output
    assert holds(engine) == []
    assert "loan_decision is not held" in run("resume", "loan_decision").output


def test_a_resume_says_what_still_stands(run: Run, engine: Engine) -> None:
    run("hold", "--all", "--reason", "attack")
    run("hold", "loan_decision", "--reason", "month end")
    assert "because all routes are: attack" in run("resume", "loan_decision").stderr
    run("hold", "loan_decision", "--reason", "month end")
    assert "loan_decision stays held by itself: month end" in run("resume", "--all").stderr


def test_without_a_store_a_hold_says_so_with_a_code_of_its_own(run: Run) -> None:
    ran = run("hold", "loan_decision", "--reason", "month end")
    assert ran.exit_code == 3
    assert ran.stderr.startswith("the store does not answer: ")
    assert "Traceback" not in ran.output
