"""Old records go in small steps, never because a clock is wrong."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from gateway.store import queries, tables
from gateway.store.batch import Batch
from gateway.store.engine import reading, writing
from gateway.store.evidence import units
from gateway.store.model import AGREE, DISAGREE, Close
from gateway.store.replicas import replicas
from gateway.store.retention import (
    ClockJumped,
    gather,
    kept,
    prune,
    prune_evidence,
    prune_replicas,
    prune_rollups,
    prune_size,
)
from gateway.store.rollups import HOUR, QUARTER, WIDTHS
from gateway.store.writer import Writer
from tests.integration.store.conftest import NewWriter
from tests.integration.store.samples import NOW, ROUTE, SOURCE, batch, record, waiting

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def count(engine: Engine, name: str) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(tables.metadata.tables[name])).scalar_one()


def test_what_is_older_goes_in_bounded_steps_and_the_counts_stay(engine: Engine, writer: Writer) -> None:
    old = [record(str(number), received=NOW - 10 * DAY) for number in range(5)]
    writer.flush(batch(*old, record("new")))
    assert [prune(engine, 5 * DAY, limit=3) for _ in range(3)] == [3, 2, 0]
    assert count(engine, "record") == 1
    assert queries.ledger(engine, ROUTE)["compared"] == 6
    assert queries.agreement(engine, ROUTE).compared == 6


def test_joins_go_once_they_are_closed_or_expired_and_old(engine: Engine, writer: Writer) -> None:
    writer.flush(Batch(opened=[waiting(name, -10 * DAY) for name in ("closed", "expired", "open")]))
    writer.flush(batch(record("new")))
    writer.flush(Batch(closed=[Close(ROUTE, "closed")]))
    writer.expire(NOW, limit=1)
    assert prune(engine, 5 * DAY) == 2
    assert count(engine, "pending") == 1
    assert queries.balance(queries.ledger(engine, ROUTE)) == 0


def test_a_clock_that_was_set_back_removes_nothing(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("old", received=NOW - 10 * DAY), record("future", received=NOW + 2 * DAY)))
    with pytest.raises(ClockJumped):
        prune(engine, 5 * DAY)
    assert count(engine, "record") == 2


def test_a_clock_that_was_set_forward_removes_nothing_unless_forced(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1", received=NOW - 10 * DAY)))
    with pytest.raises(ClockJumped, match="force"):
        prune(engine, 5 * DAY)
    assert prune(engine, 5 * DAY, force=True) == 1
    assert prune(engine, 5 * DAY) == 0


def test_rollups_go_by_an_age_of_their_own(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1", received=NOW - 10 * DAY), record("2")))
    assert [prune_rollups(engine, 5 * DAY), prune_rollups(engine, 5 * DAY)] == [1, 0]
    assert queries.agreement(engine, ROUTE).compared == 1


def test_the_oldest_records_go_where_all_of_them_take_more_than_they_may(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(*(record(str(number)) for number in range(50))))
    assert prune_size(engine, 1 << 20) == 0
    assert [prune_size(engine, 0, limit=30), prune_size(engine, 0), prune_size(engine, 0)] == [30, 20, 0]
    writer.flush(batch(*(record(f"more {number}", fields={"text": "x" * 10_000}) for number in range(10))))
    removed = prune_size(engine, 60_000)
    assert removed in (4, 5)
    assert [one.call_id for one in queries.sample(engine, ROUTE, 1) if one.call_id < f"more {removed}"] == []
    assert prune_size(engine, 60_000) == 0


def test_evidence_goes_once_nothing_came_for_a_key_for_so_long(engine: Engine, writer: Writer) -> None:
    old, new = b"o" * 16, b"n" * 16
    writer.flush(batch(record("1", key=old, received=NOW - 10 * DAY), record("2", key=new, received=NOW - 10 * DAY)))
    writer.flush(batch(record("3", key=new)))
    assert [prune_evidence(engine, 5 * DAY), prune_evidence(engine, 5 * DAY)] == [1, 0]
    [unit] = units(engine, 1)
    assert (unit.key, unit.calls) == (new, 2)


def test_sums_and_evidence_stay_where_the_clock_was_set_forward(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1", received=NOW - 10 * DAY)))
    for step in (prune_rollups, prune_evidence):
        with pytest.raises(ClockJumped):
            step(engine, 5 * DAY)


def test_gateways_that_ended_long_ago_leave_their_sums_and_nothing_else(engine: Engine, new_writer: NewWriter) -> None:
    """Given observers of a gateway that is gone, of one whose observer was started again, and of one that lives."""
    for name in ("gone.1", "gone.5", "again.1", "again.5", "lives.1"):
        told = batch(record(name))
        told.book(ROUTE, f"told:{name.partition('.')[0]}.2:handed", 1)
        new_writer(name).flush(told)
    with writing(engine) as connection:
        table = tables.replica
        for name in ("gone.1", "gone.5", "again.1"):
            old = {"ended": True, "seen": NOW - 10 * DAY}
            connection.execute(update(table).where(table.c.id == name).values(old))
        connection.execute(update(table).where(table.c.id == "lives.1").values(seen=NOW - 10 * DAY))
    before = queries.ledger(engine, ROUTE)
    assert prune_replicas(engine, 20 * DAY) == 0
    assert [prune_replicas(engine, 5 * DAY, limit=1) for _ in range(3)] == [1, 1, 0]
    after = dict(queries.ledger(engine, ROUTE))
    assert {one.replica.id for one in replicas(engine)} == {"again.1", "again.5", "lives.1"}
    assert after == {term: count for term, count in before.items() if term != "told:gone.2:handed"}
    assert queries.balance(after) == 0 and after["told:again.2:handed"] == 2


def test_minutes_that_are_long_past_become_one_row_an_hour_and_every_sum_stays(
    engine: Engine, new_writer: NewWriter
) -> None:
    start = (NOW - 5 * DAY).replace(minute=0, second=0, microsecond=0)
    for name in ("a", "b"):
        calls = [(f"{name}{minute}", DISAGREE if minute % 3 else AGREE, minute) for minute in range(0, 120, 10)]
        new_writer(name).flush(
            batch(*(record(id, word, received=start + minute * MINUTE) for id, word, minute in calls))
        )
    new_writer("a").flush(batch(record("now")))
    before = queries.traffic(engine, ROUTE)
    assert [gather(engine, HOUR) for _ in range(3)] == [12, 12, 0]
    assert queries.traffic(engine, ROUTE) == before
    assert count(engine, "rollup") == 3
    assert queries.traffic(engine, ROUTE, since=start + 60 * MINUTE)[SOURCE, "shadow"].calls == 13


def test_minutes_of_some_hours_ago_become_quarters_and_then_hours_and_every_sum_stays(
    engine: Engine, writer: Writer
) -> None:
    """Given minutes of an hour that is over for four hours, and of one that has just been."""
    start = (NOW - 5 * HOUR.span).replace(minute=0, second=0, microsecond=0)
    writer.flush(batch(*(record(str(at), received=start + at * MINUTE) for at in range(60)), record("now")))
    before = queries.traffic(engine, ROUTE)
    assert gather(engine, HOUR) == 0
    assert [gather(engine, QUARTER) for _ in range(5)] == [15, 15, 15, 15, 0]
    assert queries.traffic(engine, ROUTE) == before
    assert count(engine, "rollup") == 5
    assert queries.traffic(engine, ROUTE, since=start + 45 * MINUTE)[SOURCE, "shadow"].calls == 16
    soon = HOUR._replace(after=timedelta(hours=3))
    assert [gather(engine, soon) for _ in range(2)] == [4, 0]
    assert queries.traffic(engine, ROUTE) == before


def test_an_answer_that_comes_late_adds_to_an_hour_that_was_added_up(engine: Engine, writer: Writer) -> None:
    old = NOW - 5 * DAY
    for call in ("1", "2"):
        writer.flush(batch(record(call, received=old)))
        assert gather(engine, HOUR) and not gather(engine, HOUR)
    [rollup] = queries.traffic(engine, ROUTE).values()
    assert (rollup.calls, rollup.compared, count(engine, "rollup")) == (2, 2, 1)


def test_a_replica_that_adds_while_an_hour_is_added_up_loses_nothing(engine: Engine, new_writer: NewWriter) -> None:
    old, done = NOW - 5 * DAY, threading.Event()

    def write(name: str) -> None:
        writer = new_writer(name)
        for at in range(40):
            writer.flush(batch(record(f"{name} {at}", received=old)))

    def add_up() -> None:
        while not done.is_set():
            for width in WIDTHS:
                gather(engine, width)

    with ThreadPoolExecutor(3) as pool:
        gathering, writing = pool.submit(add_up), [pool.submit(write, name) for name in "ab"]
        for one in writing:
            one.result()
        done.set()
        gathering.result()
    assert queries.agreement(engine, ROUTE).compared == 80


def test_the_proof_names_what_is_older_than_it_may_be(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1", received=NOW - 10 * DAY), record("2")))
    found = {one.name: (one.rows, one.beyond) for one in kept(engine, 5 * DAY, 20 * DAY)}
    rest = {"pending": (0, 0), "dead_letter": (0, 0), "evidence": (1, 0), "rollup": (2, 0)}
    assert found == {"record": (2, 1)} | rest
    prune(engine, 5 * DAY)
    assert not any(one.beyond for one in kept(engine, 5 * DAY, 20 * DAY))
