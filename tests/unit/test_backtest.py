"""When a guard would have acted on records, by conditions that look at more than agreement."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.backtest import backtest
from gateway.judgement import Outcome
from gateway.limits import Guard
from gateway.store.model import AGREE, DISAGREE, FAILED, Record

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def records(*said: tuple[int, str, str], word: str = "", every: timedelta = timedelta(seconds=30)) -> Iterator[Record]:
    """(how many, what the incumbent said, what the candidate said), one after another."""
    sides = [(theirs, ours) for count, theirs, ours in said for _ in range(count)]
    for at, (theirs, ours) in enumerate(sides):
        verdict = word or (AGREE if theirs == ours else DISAGREE)
        yield Record(
            "loan", 1, str(at), 0, "a/b", MONDAY + at * every, "canary", "candidate", verdict, at.to_bytes(8), {},
            {"decision": theirs}, {"decision": ours}, {"decision": verdict}, 1.0, 1.0, 1.0, "m:1", "v", at.to_bytes(8),
        )  # fmt: skip


def guard(**settings: Any) -> Guard:
    return Guard.model_validate({"day_to_day": 0.0} | settings)


def test_a_shift_of_decisions_takes_nobody_back_and_is_told_with_its_moment() -> None:
    """Given an hour in which both say the same, when the candidate says yes to everybody, then a plan would have
    waited as soon as that was more than a tenth of the day's records."""
    said = records((60, "yes", "yes"), (60, "no", "no"), (60, "no", "yes"))
    found = backtest(guard(decisions={"decision": 0.1}), said, 0.0)
    assert (found.acted, found.judgement.outcome) == (None, Outcome.HOLD)
    assert found.waited == MONDAY + timedelta(minutes=67), "13 of 133 are within the tenth, 15 of 135 are not"
    assert found.why.startswith("shift of decision: the candidate says yes for 10.4 % more of 134 records")


def test_what_was_said_more_than_a_day_ago_is_forgotten() -> None:
    shifted = records((100, "no", "yes"))
    days = records((200, "no", "no"), every=timedelta(minutes=15))
    found = backtest(guard(decisions={"decision": 0.1}), [*shifted, *days], 0.0)
    assert (found.waited, found.judgement.outcome) == (MONDAY + timedelta(minutes=50), Outcome.PROMOTE)


def test_coverage_is_judged_by_the_records_of_calls_that_failed() -> None:
    good, bad = list(records((300, "yes", "yes"))), list(records((100, "yes", "yes"), word=FAILED))
    assert backtest(guard(disagreement=0.05), good, 0.0).judgement.outcome is Outcome.PROMOTE
    found = backtest(guard(disagreement=0.05), good + bad, 0.0).judgement
    assert found.reason == "300 of 400 calls were compared, less than 80%: nothing is said of the others"


def test_a_counter_of_what_left_a_record_acts() -> None:
    bad = list(records((100, "yes", "yes"), word=FAILED))
    found = backtest(guard(counters={"failed": 9}), bad, 0.0)
    assert (found.acted, found.calls) == (MONDAY + timedelta(minutes=5), 10)
