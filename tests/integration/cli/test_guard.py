"""`understudy guard`, `backtest`, `plan` and `approve`."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.cli.guard import bound_of
from gateway.cli.standing import caps_of, opened
from gateway.lookout import Lookout
from gateway.store import audit, plans, waivers
from gateway.store.batch import Batch
from gateway.store.epochs import epoch
from gateway.store.evidence import weigh
from gateway.store.holds import hold
from gateway.store.model import AGREE, COMPARED, DISAGREE, SEEN, Record, Replica, Slot
from gateway.store.writer import Writer
from gateway.telemetry import Meters
from tests.integration.cli.conftest import Run

ROUTE = "loan_decision"
GUARD = "    guard: {disagreement: 0.05, day_to_day: 0}\n"
PLAN = "    plan: {steps: [{percent: 5, for: 1d}, {percent: 20, gate: manual}]}\n"
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def change(path: Path, *, stage: str = "canary", percent: int = 50, more: str = GUARD) -> None:
    """The same configuration with another stage and a guard."""
    text = path.read_text().replace("stage: shadow ", f"stage: {stage}\n    percent: {percent} ", 1)
    path.write_text(
        text.replace("    sources:\n      loans/Score: &source", f"{more}    sources:\n      loans/Score: &source", 1)
    )


def fill(engine: Engine, path: Path, words: Iterator[str] | list[str], minutes: float = 0.05) -> None:
    """What an observer would have written in the step in force now, one call every `minutes` from Monday on."""
    loaded, other = opened(path)
    bound = bound_of(loaded, ROUTE)
    other.dispose()
    number, batch = epoch(engine, ROUTE, "constant:1", bound.digest, bound.step(caps_of(engine))), Batch()
    for at, word in enumerate(words):
        key, when = at.to_bytes(16), MONDAY + timedelta(minutes=minutes * at)
        record = Record(
            ROUTE, number, f"{number}-{at}", 0, "loans/Score", when, "canary", ("incumbent", "candidate")[at % 2],
            word, key, {}, {}, {}, {"decision": word}, 1.0, 1.0, 1.0, "constant:1", "v", key,
        )  # fmt: skip
        batch.records.append(record)
        batch.rollup(Slot.at(ROUTE, "canary", "loans/Score", number, when)).take(record)
        weigh(batch.evidence, record)
        batch.book(ROUTE, SEEN)
        batch.book(ROUTE, COMPARED)
    Writer(engine, Replica(f"r{number}", "here", 1)).flush(batch)


def look(engine: Engine, path: Path) -> None:
    """What an observer does every few seconds."""
    from gateway.cli.standing import table_of

    loaded, other = opened(path)
    Lookout(engine, Meters()).look(table_of(loaded))
    other.dispose()


def test_guard_shows_every_condition_with_its_reason_and_changes_nothing(run: Run, path: Path, engine: Engine) -> None:
    change(path, more="    guard: {disagreement: 0.05, day_to_day: 0, errors: {share: 0.01}}\n")
    fill(engine, path, [AGREE] * 30 + [DISAGREE] * 30)
    told = json.loads(run("guard", ROUTE, "--json").stdout)
    assert (told["outcome"], told["keys"], told["held"]) == ("roll back", 60, None)
    assert told["reason"] == "disagreement: 50 % over 60 keys, proven to be above the limit of 5 %"
    assert [one["condition"] for one in told["conditions"]] == ["disagreement", "errors"]
    assert 0.3 < told["conditions"][0]["low"] < 0.5 < told["conditions"][0]["high"] < 0.7
    shown = run("guard", ROUTE).stdout
    assert "loan_decision, canary 50, constant:1: roll back" in shown and "60 business keys" in shown
    assert caps_of(engine).reason(ROUTE) is None


def test_guard_says_where_there_is_nothing_to_say(run: Run, path: Path, engine: Engine) -> None:
    refused = run("guard", ROUTE)
    assert refused.exit_code == 2 and "has no guard" in refused.stderr
    change(path)
    assert "nothing was compared in this step yet" in run("guard", ROUTE).stdout
    hold(engine, ROUTE, "complaints", "ada")
    assert "held: complaints" in run("guard", ROUTE).stderr


def test_backtest_tells_when_a_guard_would_have_acted_and_who_was_affected(
    run: Run, path: Path, engine: Engine, tmp_path: Path
) -> None:
    """Good for half an hour, one call every three seconds, then bad: every second one is the candidate's."""
    change(path)
    fill(engine, path, [AGREE] * 600 + [DISAGREE] * 100)
    strict, lenient = tmp_path / "strict.yaml", tmp_path / "lenient.yaml"
    strict.write_text("disagreement: 0.05\nday_to_day: 0\n")
    lenient.write_text("guard:\n  disagreement: 0.6\n  day_to_day: 0.5\n")
    [row] = json.loads(run("backtest", ROUTE, "--guard", str(strict), "--json").stdout)["epochs"]
    assert row["acted"].startswith("2026-03-02 09:31:00"), "within the first bad minute"
    assert (row["affected_calls"], row["affected_keys"], row["spared_calls"], row["spared_keys"]) == (310, 310, 40, 40)
    shown = run("backtest", ROUTE, "--guard", str(strict)).stdout
    assert "would have rolled back on Monday 2026-03-02 at 09:31 UTC: disagreement: " in shown
    assert "until then the candidate had answered 310 calls of 310 keys" in shown
    [row] = json.loads(run("backtest", ROUTE, "--guard", str(lenient), "--json").stdout)["epochs"]
    assert (row["acted"], row["affected_calls"]) == (None, 350)
    [own] = json.loads(run("backtest", ROUTE, "--json").stdout)["epochs"]
    assert own["acted"], "by default it is the route's own guard"


@pytest.mark.parametrize(
    ("text", "said"),
    [("disagreement: 5", "less than 1"), ("limit: 0.5", "limit"), ("disagreement: [", "guard.yaml")],
)
def test_a_guard_that_cannot_be_is_refused_with_its_line(
    run: Run, path: Path, engine: Engine, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "guard.yaml"
    file.write_text(text)
    refused = run("backtest", ROUTE, "--guard", str(file))
    assert refused.exit_code == 2 and said in refused.stderr and "guard.yaml" in refused.stderr


def test_plan_shows_the_steps_and_what_the_next_one_waits_for(run: Run, path: Path, engine: Engine) -> None:
    change(path, more=PLAN)
    assert "no gateway with this plan has looked yet" in run("plan", ROUTE).stdout
    for _ in range(2):
        look(engine, path)
    told = json.loads(run("plan", ROUTE, "--json").stdout)
    assert (told["step"], told["percent"], told["in_force"]) == (0, "5", {"stage": "canary", "percent": "5"})
    assert told["waits"] == ["in force for 0 minutes of 24.0 hours"]
    assert [one["where"] for one in told["rows"]] == ["in force", "to come"]
    shown = run("plan", ROUTE, "--dry-run").stdout
    assert "loan_decision: step 1 of 2; in force: canary 5 %" in shown and "as configured" in shown
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert f"{tomorrow:%Y-%m-%d}" in shown or f"{tomorrow - timedelta(minutes=5):%Y-%m-%d}" in shown
    status = json.loads(run("status", "--json").stdout)["routes"][ROUTE]
    assert status["in_force"] == "canary"
    assert status["reasons"] == [f"its plan is at 5 %; `understudy plan {ROUTE}` says what it waits for"]


def test_approve_lets_the_step_pass_and_is_audited(run: Run, path: Path, engine: Engine) -> None:
    change(path, more="    plan: {steps: [{percent: 5, gate: manual}, {percent: 20}]}\n")
    early = run("approve", ROUTE, "--reason", "looks good")
    assert early.exit_code == 2 and "is on no step of its plan" in early.stderr
    for _ in range(3):
        look(engine, path)
    assert plans.progress(engine)[ROUTE].position.step == 0
    assert run("approve", ROUTE, "--reason", " ").exit_code == 2
    assert "step 1 of 2 (5 %) is approved" in run("approve", ROUTE, "--reason", "looks good").stdout
    look(engine, path)
    assert plans.progress(engine)[ROUTE].position.step == 1
    done = [
        (one.event.who, one.event.action, one.event.before, one.event.after) for one in audit.entries(engine, ROUTE)
    ]
    assert done[:2] == [("plan", "plan", "5 %", "20 %"), ("ada", "approve", "step 1", "")]


def test_waive_is_shown_wherever_the_condition_is_and_ends(run: Run, path: Path, engine: Engine) -> None:
    change(path, more=GUARD + "    plan: {steps: [{percent: 5, require: {keys: 9}}]}\n")
    fill(engine, path, [DISAGREE] * 60)
    done = run("waive", ROUTE, "disagreement", "--until", "2d", "--reason", "a known defect")
    assert done.exit_code == 0 and f"{ROUTE}: disagreement is waived until " in done.stdout
    told = json.loads(run("guard", ROUTE, "--json").stdout)
    assert told["outcome"] == "promote" and "(roll back, waived by ada until " in told["conditions"][0]["reason"]
    for shown in (run("status").stdout, run("report", ROUTE).stderr + run("report", ROUTE).stdout):
        assert "disagreement" in shown and "waived by ada until" in shown and "a known defect" in shown
    [one] = json.loads(run("report", ROUTE, "--json").stdout)["waivers"]
    assert json.loads(run("status", "--json").stdout)["waivers"] == [one]
    assert (one["condition"], one["who"], one["reason"]) == ("disagreement", "ada", "a known defect")
    assert run("waive", ROUTE, "plan keys", "--until", "1d", "--reason", "urgent").exit_code == 0
    assert "is waived no longer" in run("waive", ROUTE, "disagreement", "--end", "--reason", "mended").stdout
    assert json.loads(run("guard", ROUTE, "--json").stdout)["outcome"] == "roll back"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("disagrement", "--until", "2d"), "did you mean 'disagreement'"),
        (("plan time", "--until", "2d"), "there are: disagreement, coverage"),
        (("disagreement", "--until", "91d"), "at most 90 days ahead"),
        (("disagreement", "--until", "2020-01-31"), "a day to come"),
        (("disagreement", "--until", "soon"), "such as 7d or 12h"),
        (("disagreement",), "say --until"),
        (("disagreement", "--until", "2d", "--reason", " "), "--reason is empty"),
    ],
)
def test_a_waiver_that_cannot_be_is_refused(
    run: Run, path: Path, engine: Engine, words: tuple[str, ...], said: str
) -> None:
    change(path)
    refused = run("waive", ROUTE, *(words if "--reason" in words else (*words, "--reason", "why")))
    assert refused.exit_code == 2 and said in refused.stderr
    assert not waivers.waivers(engine)


def test_a_route_without_plan_says_so(run: Run, path: Path, engine: Engine) -> None:
    for words in (("plan", ROUTE), ("approve", ROUTE, "--reason", "why")):
        refused = run(*words)
        assert refused.exit_code == 2 and "has no plan" in refused.stderr
