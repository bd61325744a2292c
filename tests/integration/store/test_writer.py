"""What a flush promises: everything once, or nothing."""

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, exc, func, select

from gateway.store import queries, tables
from gateway.store.batch import Batch
from gateway.store.engine import reading
from gateway.store.model import AGREE, DISAGREE, StoreDown
from gateway.store.replicas import replicas
from gateway.store.writer import Writer
from tests.integration.store.conftest import NewWriter
from tests.integration.store.samples import ROUTE, SOURCE, batch, record


def rows(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(tables.record)).scalar_one()


def break_commit(engine: Engine, *, after: bool) -> None:
    """The next commit fails, after (or before) the database has done it."""

    def fail(connection: Connection) -> None:
        event.remove(engine, "commit", fail)
        if after:
            connection.connection.commit()
        raise exc.OperationalError("COMMIT", None, ConnectionError("cut off"))

    event.listen(engine, "commit", fail)


def test_records_counts_and_sums_arrive_together(engine: Engine, writer: Writer) -> None:
    assert writer.flush(batch(record("1"), record("2", DISAGREE))) == set()
    terms = queries.ledger(engine, ROUTE)
    assert terms == {"seen": 2, "compared": 2}
    agreement = queries.agreement(engine, ROUTE, epoch=1)
    assert (agreement.agreed, agreement.compared, agreement.fields) == (1, 2, {"decision": (1, 2)})


def test_a_record_that_was_written_before_is_named_and_counts_once(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1"), record("2")))
    assert writer.flush(batch(record("3"), record("2"), record("2", index=1), record("3"))) == {1, 3}
    assert rows(engine) == 4
    assert queries.agreement(engine, ROUTE).compared == 4
    assert queries.ledger(engine, ROUTE)["duplicate"] == 2


def test_more_records_than_one_statement_takes_parameters(engine: Engine, writer: Writer) -> None:
    many = [record(str(number)) for number in range(4000)]
    writer.flush(batch(*many[:10]))
    assert writer.flush(batch(*many)) == set(range(10))
    assert rows(engine) == 4000


@pytest.mark.parametrize("call_id", ["a\0b", "\ud800", "x" * 10_000])
def test_a_hostile_call_id_cannot_stop_the_records(engine: Engine, writer: Writer, call_id: str) -> None:
    assert writer.flush(batch(record(call_id, incumbent={"text": "\0\ud800"}), record("2"))) == set()
    assert writer.flush(batch(record(call_id))) == {0}


@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_a_flush_is_added_once_when_the_connection_breaks_around_its_commit(
    engine: Engine, writer: Writer, after: bool
) -> None:
    writer.flush(batch(record("0")))
    lost = batch(record("1"), record("0"))
    break_commit(engine, after=after)
    with pytest.raises(StoreDown):
        writer.flush(lost)
    assert rows(engine) == (2 if after else 1)
    assert writer.flush(lost) == {1}
    assert writer.flush(batch(record("2"))) == set()
    assert rows(engine) == 3
    assert queries.ledger(engine, ROUTE) == {"seen": 4, "compared": 4, "duplicate": 1}


def test_nothing_of_a_flush_stays_when_its_last_statement_fails(engine: Engine, writer: Writer) -> None:
    writer.flush(Batch())
    statements: list[str] = []

    def fail(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)
        if statement.startswith("INSERT INTO ledger"):
            raise exc.OperationalError(statement, None, ConnectionError("cut off"))

    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(StoreDown):
        writer.flush(batch(record("1")))
    event.remove(engine, "before_cursor_execute", fail)
    assert any(statement.startswith("INSERT INTO record") for statement in statements)
    assert rows(engine) == 0
    assert writer.flush(batch(record("1"))) == set()


def test_two_replicas_add_to_one_ledger(engine: Engine, new_writer: NewWriter) -> None:
    new_writer("a").flush(batch(record("1")))
    assert new_writer("b").flush(batch(record("1"), record("2"))) == {0}
    assert queries.ledger(engine, ROUTE)["seen"] == 3
    assert queries.agreement(engine, ROUTE).compared == 2


def test_an_empty_batch_is_a_heartbeat(engine: Engine, writer: Writer) -> None:
    writer.flush(Batch())
    writer.replica.version, writer.replica.state = "v2", {"stages": {ROUTE: "shadow"}, "problems": []}
    writer.flush(Batch())
    [state] = replicas(engine)
    assert (state.replica, state.ended) == (writer.replica, False)
    assert state.age < 60


def test_what_waits_in_memory_is_set_not_added(engine: Engine, writer: Writer) -> None:
    for count in (5, 3):
        writer.flush(Batch(waiting={ROUTE: count}))
    assert queries.ledger(engine, ROUTE) == {"pending": 3}
    writer.flush(Batch())
    assert queries.ledger(engine, ROUTE) == {}


def test_rollups_of_one_minute_add_up_over_flushes_and_replicas(engine: Engine, new_writer: NewWriter) -> None:
    writer = new_writer("a")
    for number in range(3):
        writer.flush(batch(record(str(number), AGREE if number else DISAGREE)))
    new_writer("b").flush(batch(record("9")))
    [(place, rollup)] = queries.traffic(engine, ROUTE).items()
    assert place == (SOURCE, "shadow")
    assert (rollup.calls, rollup.answered_incumbent, rollup.compared, rollup.agreed) == (4, 4, 4, 3)
    assert rollup.latency["gateway"].count == 4
