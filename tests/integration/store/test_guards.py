"""What guards remember, and their trips, by any number of replicas."""

from datetime import UTC, datetime, timedelta
from math import inf

from sqlalchemy import Engine

from gateway.guard import Memory, take
from gateway.judgement import Finding, Judgement, Outcome
from gateway.limits import Guard
from gateway.store import guards
from gateway.store.caps import caps
from gateway.store.epochs import current, epoch
from gateway.store.evidence import Unit
from gateway.store.guards import State
from gateway.store.holds import hold, holds, resume
from gateway.store.model import ALL, Replica
from gateway.store.writer import Writer
from tests.integration.store.samples import ROUTE, batch, record

BAD = Judgement(Outcome.ROLL_BACK, [Finding("disagreement", Outcome.ROLL_BACK, "too many")])
NOW = datetime.now(UTC)


def begun(engine: Engine, step: str = "canary 25") -> int:
    return epoch(engine, ROUTE, "credit:1", "rules", step)


def test_what_a_guard_remembers_comes_back_as_it_was(engine: Engine) -> None:
    number = begun(engine)
    state = State(number, "digest", Memory(0.3), arrival=7, ledger={"seen": 3})
    assert state.memory.proofs == {}
    take(Guard(disagreement=0.1), state.memory, [Unit(1, b"k", NOW, NOW, 2, 1, 0.0, {})])
    assert guards.recall(engine, number) is None
    assert guards.keep(engine, state, BAD)
    found = guards.recall(engine, number)
    assert found is not None
    assert (found.memory, found.arrival, found.looks, found.ledger) == (state.memory, 7, 1, {"seen": 3})
    assert (found.said, found.reason) == ("roll back", "too many")
    fresh = State(begun(engine, "canary 50"), "digest")
    fresh.memory.proofs["x"] = next(iter(state.memory.proofs.values()))
    assert guards.keep(engine, fresh, Judgement()) and -inf < state.memory.proofs["disagreement"].above.now


def test_of_two_looks_at_the_same_moment_one_counts(engine: Engine) -> None:
    number = begun(engine)
    one, other = State(number, "digest", arrival=5), State(number, "digest", arrival=6)
    assert guards.keep(engine, one, BAD) and not guards.keep(engine, other, BAD)
    for state in (one, other):
        state.looks = 1
    assert guards.keep(engine, other, BAD) and not guards.keep(engine, one, BAD)
    found = guards.recall(engine, number)
    assert found is not None and (found.arrival, found.looks) == (6, 2)


def test_a_trip_is_one_hold_however_many_replicas_see_it(engine: Engine) -> None:
    number = begun(engine)
    assert [guards.trip(engine, ROUTE, number, "bad") for _ in range(3)] == [True, False, False]
    assert [(one.kind, one.who, one.reason) for one in holds(engine)] == [("guard", "guard", "bad")]
    assert caps(engine).reason(ROUTE) == "bad"


def test_evidence_from_before_a_resume_trips_nothing(engine: Engine) -> None:
    """A replica that was slow to look must not hold again what somebody has just resumed."""
    for scope in (ROUTE, ALL):
        number = begun(engine)
        hold(engine, scope, "look at it", "ada")
        resume(engine, scope, "ada", "looked")
        assert not guards.trip(engine, ROUTE, number, "bad")
        assert not holds(engine) and begun(engine) > number
    assert guards.trip(engine, ROUTE, begun(engine), "bad again")


def test_the_current_epoch_is_the_one_that_writers_use(engine: Engine) -> None:
    assert current(engine, ROUTE, "credit:1", "rules", "canary 25") is None
    number = begun(engine)
    begun(engine, "canary 50")
    found = current(engine, ROUTE, "credit:1", "rules", "canary 25")
    assert found is not None and found.id == number and found.now - found.started < timedelta(minutes=5)
    hold(engine, ROUTE, "look at it", "ada")
    resume(engine, ROUTE, "ada", "looked")
    assert current(engine, ROUTE, "credit:1", "rules", "canary 25") is None


def test_earlier_epochs_are_found_the_latest_first(engine: Engine) -> None:
    numbers = [begun(engine, step) for step in ("shadow 0", "canary 1", "canary 5")]
    for number in numbers:
        assert guards.keep(engine, State(number, "digest"), Judgement())
    assert [state.epoch for state in guards.earlier(engine, ROUTE, numbers[2])] == [numbers[1], numbers[0]]
    assert not guards.earlier(engine, "another", numbers[2])


def test_sums_by_minute_are_of_the_epoch_alone(engine: Engine) -> None:
    Writer(engine, Replica("a", "host", 1)).flush(batch(record("1"), record("2", epoch=2)))
    minutes = guards.minutes(engine, ROUTE, 1, NOW - timedelta(hours=1))
    assert [sums.calls for _, sums in minutes] == [1]
    assert not guards.minutes(engine, ROUTE, 1, NOW + timedelta(hours=1))
    decided = guards.decisions(engine, ROUTE, 1, NOW - timedelta(hours=1))
    assert decided == {"decision": {("approve", "approve"): 1}}
