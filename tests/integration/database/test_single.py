"""Rows one at a time: each answer is sent and its end asked for later; on PostgreSQL nothing changes threads for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import bindparam, cast, select, types, update
from sqlalchemy.dialects import postgresql

from adapters.database import wire
from adapters.database.config import Budget
from adapters.database.desk import Desk
from adapters.database.engine import DatabaseDown, RowRefused, connect, driving
from adapters.database.prepared import Prepared
from adapters.database.single import Line
from gateway.contract import Prediction, Row, RowError
from tests import models
from tests.inprocess import running
from tests.integration.database.configured import adapter, config, settings
from tests.integration.database.conftest import legacy
from tests.integration.database.legacy_tables import Legacy, loans

__all__ = ["legacy"]
T = TypeVar("T")
everywhere = pytest.mark.parametrize("legacy", ["sqlite", "postgresql", "mariadb"], indirect=True)
on_postgresql = pytest.mark.parametrize("legacy", ["postgresql"], indirect=True)


@pytest.fixture
def desk(legacy: Legacy) -> Iterator[Desk]:
    """A desk with one connection, over nine rows that wait."""
    configured = settings(legacy).model_copy(update={"budget": Budget(statements=1)})
    legacy.claims(configured)
    legacy.apply(range(1, 10))
    engine = connect("bank", configured, Path())
    yield Desk("here", configured.tables["Score"], engine, None)
    engine.dispose()


@asynccontextmanager
async def line(desk: Desk) -> AsyncIterator[Line]:
    """A line that is closed at the end."""

    def run(work: Callable[[], T]) -> Awaitable[T]:
        return asyncio.to_thread(work)

    opened = await asyncio.to_thread(desk.line, run)
    try:
        yield opened
    finally:
        await asyncio.to_thread(opened.close)


async def written(line: Line, id: int, **answer: Any) -> bool:
    """Whether this answer was written."""
    await line.send((id,), answer)
    return await line.written()


def told(desk: Desk, statement: str) -> Any:
    """What the desk's one connection says."""
    with desk.engine.connect() as connection:
        return connection.exec_driver_sql(statement).scalar_one()


@everywhere
def test_what_is_written_is_what_was_answered(legacy: Legacy, desk: Desk) -> None:
    answers: Sequence[dict[str, Any]] = [
        {"decision": "A", "score": 750}, {"decision": "R", "score": Decimal("750.26")}, {"score": 100_000.5},
        {"decision": None, "score": None}, {"note": "100 % f\u00fcr %s $1 \\"}, {"note": ""}, {"fault": "F1"},
    ]  # fmt: skip

    async def case() -> None:
        async with line(desk) as opened:
            for id, answer in enumerate(answers, 1):
                assert await written(opened, id, **answer)

    asyncio.run(case())
    rows = legacy.rows()
    assert [(row["decision"], round(row["score"], 1) if row["score"] else None) for row in rows[:4]] == [
        ("A", 750), ("R", Decimal("750.3")), (None, Decimal("100000.5")), (None, None),
    ]  # fmt: skip
    assert [row["note"] for row in rows[4:6]] == ["100 % f\u00fcr %s $1 \\", ""]
    assert rows[6]["fault"] == "F1" and legacy.states() == {"DONE": 7, "NEW": 2}


@everywhere
def test_a_row_that_is_claimed_or_done_is_not_written(legacy: Legacy, desk: Desk) -> None:
    async def case() -> None:
        desk.claim_these([(1,)])
        async with line(desk) as opened:
            assert [await written(opened, id, decision="A") for id in (1, 2, 2, 77)] == [False, True, False, False]

    asyncio.run(case())
    assert legacy.states() == {"DONE": 1, "NEW": 8}


@on_postgresql
def test_a_value_that_is_refused_ends_nothing_and_a_lost_connection_is_replaced(legacy: Legacy, desk: Desk) -> None:
    async def case() -> None:
        async with line(desk) as opened:
            for wrong in ({"decision": "far too long"}, {"note": 8_000_000 * "x"}, {"nothing": 1}, {"score": "?"}):
                with pytest.raises(RowRefused):
                    await written(opened, 1, **wrong)
            assert await written(opened, 1, decision="A")
            with legacy.engine.connect() as connection:
                mine = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'understudy'"
                connection.exec_driver_sql(mine)
            with pytest.raises(DatabaseDown):
                await written(opened, 2, decision="A")
        async with line(desk) as opened:
            assert await written(opened, 2, decision="A")

    asyncio.run(case())


@on_postgresql
def test_the_event_loop_goes_on_meanwhile_and_nothing_unfinished_is_given_back(
    legacy: Legacy, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with legacy.engine.begin() as connection:
        connection.exec_driver_sql("""CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END'""")
        connection.exec_driver_sql("CREATE TRIGGER slow BEFORE UPDATE ON loans FOR EACH ROW EXECUTE FUNCTION slow()")

    async def case() -> None:
        async with line(desk) as opened:
            await opened.send((1,), {"decision": "A"})
            ending, turns = asyncio.ensure_future(opened.written()), 0
            while not ending.done():
                turns += 1
                await asyncio.sleep(0.001)
            assert ending.result() and turns > 3, f"the loop had {turns} turns"
            await opened.send((2,), {"decision": "A"})
        async with line(desk) as opened:
            assert await written(opened, 3, decision="A")

    asyncio.run(case())
    assert not caplog.records, "the pool found nothing to complain of"


@on_postgresql
def test_statements_that_the_driver_has_thrown_away_are_prepared_again(desk: Desk) -> None:
    async def case() -> None:
        for id in (1, 2):
            async with line(desk) as opened:
                assert await written(opened, id, decision="A")
            with desk.engine.connect() as connection:
                for _ in range(7):  # until psycopg prepares it
                    connection.exec_driver_sql("SELECT 1")
                connection.rollback()  # after which psycopg knows no statement any more, and has the server forget all

    asyncio.run(case())


@on_postgresql
def test_a_connection_is_given_back_as_it_was_and_keeps_few_statements(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MOST", 2)

    async def case() -> None:
        for id, name in enumerate(("decision", "fault", "note", "decision", "fault", "fault"), 1):
            async with line(desk) as opened:
                assert await written(opened, id, **{name: "A"})
            assert told(desk, "SHOW enable_seqscan") == "on"

    asyncio.run(case())
    assert told(desk, "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'understudy%%'") == 2


class Late(models.ByAmount):
    """Takes longer for its first row than others that were read with it are good for; meanwhile they are changed."""

    legacy: Legacy
    asked = 0

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction | RowError]:
        Late.asked += 1
        if Late.asked == 1:
            with Late.legacy.engine.begin() as connection:
                connection.execute(update(loans).where(loans.c.id > 1).values(amount=1500))
            time.sleep(0.2)
        return super().predict(rows)


def late() -> Late:
    """The factory."""
    return Late("late:1")


@everywhere
def test_rows_that_were_read_a_while_ago_are_read_again(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        Late.legacy, Late.asked = legacy, 0
        legacy.claims(settings(legacy))
        legacy.apply(range(1, 6), amount=10)
        values = adapter(legacy, size=1) | {"budget": {"statements": 1}}
        text = config(values, model="late").replace("tests.models:", f"{__name__}:")
        async with running(text, tmp_path) as gateway:
            await gateway.until(lambda: legacy.states() == {"DONE": 5})

    asyncio.run(case())
    assert [row["decision"] for row in legacy.rows()] == ["A", "R", "R", "R", "R"]


@everywhere
def test_a_row_that_is_locked_or_bad_takes_no_connection_from_the_others(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        legacy.claims(settings(legacy))
        legacy.apply(range(1, 8), amount=10)
        legacy.apply([8, 9], amount=None)
        values = adapter(legacy, size=1) | {"budget": {"statements": 1}}
        async with running(config(values), tmp_path) as gateway:
            await gateway.until(lambda: legacy.states() == {"DONE": 7, "ERROR": 2})
            happened = {"source": "bank", "operation": "Score"}
            counted = partial(gateway.meters.registry.get_sample_value, "understudy_adapter_events_total")
            assert counted(happened | {"event": "answered"}) == 7
            assert counted(happened | {"event": "down"}) is None

    asyncio.run(case())
    assert {row["us_state"] for row in legacy.side()} == {"error"}


@on_postgresql
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (types.Numeric(12, 2), "1.50"), (types.Float(), "0.1"), (types.Date(), "2010-03-01"),
        (types.DateTime(timezone=True), "2010-03-01 12:00:00+01"), (types.Time(), "12:30"),
        (types.LargeBinary(), "abc"),
        (postgresql.JSONB(), '{"a": [1, null]}'), (postgresql.UUID(), "11111111-2222-3333-4444-555555555555"),
        (postgresql.INTERVAL(), "1 day"), (postgresql.ARRAY(types.Integer()), "{1,2}"), (types.Boolean(), "true"),
        (postgresql.INET(), "10.0.0.1"), (types.String(3), "x%y"), (types.Integer(), None),
    ],
    ids=str,
)  # fmt: skip
def test_values_are_those_of_sqlalchemy(legacy: Legacy, desk: Desk, kind: types.TypeEngine[object], text: str) -> None:
    statement = select(cast(bindparam("given", type_=types.String()), kind).label("found"))
    with desk.engine.connect() as connection:
        expected = connection.execute(statement, {"given": text}).scalar_one()
        again = select(bindparam("value", type_=kind).label("found"))
        there = connection.execute(again, {"value": expected}).scalar_one()
    with driving(desk.engine) as connection:
        [[found]] = Prepared(statement, desk.engine.dialect, ["given"]).run(connection, {"given": text})
        [[back]] = Prepared(again, desk.engine.dialect, ["value"]).run(connection, {"value": expected})
    assert (found, type(found)) == (expected, type(expected))
    assert (back, type(back)) == (there, type(there))
