"""Old records go in small steps, never because a clock is wrong."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from gateway.store import queries, tables
from gateway.store.batch import Batch
from gateway.store.engine import reading
from gateway.store.model import Close
from gateway.store.retention import ClockJumped, prune, prune_rollups
from gateway.store.writer import Writer
from tests.integration.store.samples import NOW, ROUTE, batch, record, waiting

DAY = timedelta(days=1)


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
