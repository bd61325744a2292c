"""Calls whose answer is given elsewhere: kept, joined once, on time or late, and always in balance."""

import random
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from gateway.store import queries
from gateway.store.batch import Batch
from gateway.store.model import SEEN, UNDECODABLE, Close
from gateway.store.replicas import settle
from gateway.store.writer import Writer
from tests.integration.store.conftest import NewWriter
from tests.integration.store.samples import NOW, ROUTE, record, waiting

LATER = NOW + timedelta(hours=2)


def test_a_call_waits_with_its_types_until_any_replica_closes_it(engine: Engine, new_writer: NewWriter) -> None:
    call = waiting("1", request={"amount": NOW.date()})
    new_writer("a").flush(Batch(opened=[call]))
    other = new_writer("b")
    assert other.open(ROUTE, ["1", "2"]) == {"1": call}
    assert queries.ledger(engine, ROUTE) == {"seen": 1, "pending": 1}
    other.flush(Batch(records=[record("1")], closed=[Close(ROUTE, "1")]))
    assert other.open(ROUTE, ["1"]) == {}
    assert queries.ledger(engine, ROUTE) == {"seen": 1, "compared": 1}


def test_a_call_that_comes_again_is_not_opened_again(engine: Engine, writer: Writer) -> None:
    for _ in range(2):
        writer.flush(Batch(opened=[waiting("1"), waiting("1")]))
    writer.flush(Batch(closed=[Close(ROUTE, "1"), Close(ROUTE, "1")]))
    writer.flush(Batch(opened=[waiting("1")], closed=[Close(ROUTE, "1"), Close(ROUTE, "unknown")]))
    assert queries.ledger(engine, ROUTE) == {"seen": 1, "compared": 1}


def test_a_window_that_ends_leaves_an_orphan_that_a_late_answer_still_closes(engine: Engine, writer: Writer) -> None:
    writer.flush(Batch(opened=[waiting("1"), waiting("2"), waiting("3", timedelta(days=1))]))
    assert {call.call_id for call in writer.expire(LATER)} == {"1", "2"}
    assert writer.expire(LATER) == []
    assert queries.ledger(engine, ROUTE) == {"seen": 3, "pending": 1, "orphan": 2}
    assert writer.open(ROUTE, ["1"])["1"].expired
    writer.flush(Batch(closed=[Close(ROUTE, "1"), Close(ROUTE, "2", UNDECODABLE)]))
    assert queries.ledger(engine, ROUTE) == {"seen": 3, "pending": 1, "compared_late": 1, "undecodable": 1}


def test_windows_end_in_bounded_steps_the_oldest_first(writer: Writer) -> None:
    writer.flush(Batch(opened=[waiting(str(minute), timedelta(minutes=minute)) for minute in (3, 1, 2)]))
    steps = [[call.call_id for call in writer.expire(LATER, limit=2)] for _ in range(2)]
    assert [sorted(step) for step in steps] == [["1", "2"], ["3"]]


@pytest.mark.parametrize("call_id", ["x" * 5000, "a\0b"])
def test_a_hostile_call_id_is_joined_all_the_same(writer: Writer, call_id: str) -> None:
    writer.flush(Batch(opened=[waiting(call_id)]))
    assert set(writer.open(ROUTE, [call_id])) == {call_id}
    [expired] = writer.expire(LATER)
    assert set(writer.open(ROUTE, [expired.call_id])) == {expired.call_id}


def test_opening_and_asking_for_many_calls_at_once(writer: Writer) -> None:
    names = [str(number) for number in range(3000)]
    writer.flush(Batch(opened=[waiting(name) for name in names]))
    assert len(writer.open(ROUTE, names)) == 3000
    writer.flush(Batch(closed=[Close(ROUTE, name) for name in names]))
    assert writer.open(ROUTE, names) == {}


def test_the_ledger_balances_after_every_step_whatever_happens(
    engine: Engine, new_writer: NewWriter, rng: random.Random
) -> None:
    writers = {name: new_writer(name) for name in "abc"}
    memory = dict.fromkeys(writers, 0)
    for _ in range(60):
        name = rng.choice("abc")
        step(writers[name], name, memory, engine, rng)
        terms = queries.ledger(engine, ROUTE)
        assert queries.balance(terms) == 0, terms
    assert terms["seen"] > 0


def step(writer: Writer, name: str, memory: dict[str, int], engine: Engine, rng: random.Random) -> None:
    match rng.choice(["flush", "flush", "flush", "expire", "settle"]):
        case "flush":
            writer.flush(observed(name, memory, rng))
        case "expire":
            writer.expire(NOW + timedelta(minutes=rng.randrange(60)), limit=3)
        case "settle":
            settle(engine, name)


def observed(name: str, memory: dict[str, int], rng: random.Random) -> Batch:
    batch = Batch()
    seen = rng.randrange(5)
    decided = rng.randrange(memory[name] + seen + 1)
    memory[name] += seen - decided
    batch.book(ROUTE, SEEN, seen)
    for _ in range(decided):
        batch.book(ROUTE, rng.choice(["compared", "failed", "timed_out", "not_observable:large"]))
    batch.waiting = {ROUTE: memory[name]}
    calls = [str(rng.randrange(20)) for _ in range(4)]
    batch.opened = [waiting(call, timedelta(minutes=rng.randrange(60))) for call in calls[:2]]
    batch.closed = [Close(ROUTE, call, rng.choice(["compared", "failed"])) for call in calls[2:]]
    return batch
