"""Rows one at a time on PostgreSQL: one statement answers one and finds the next, and gives what SQLAlchemy gives."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, cast, select, types
from sqlalchemy.dialects import postgresql

from adapters.database.desk import Desk
from adapters.database.engine import DatabaseDown, RowRefused, connect, driving
from adapters.database.prepared import Prepared
from tests.integration.database.configured import settings
from tests.integration.database.conftest import legacy
from tests.integration.database.legacy_tables import Legacy

__all__ = ["legacy"]
pytestmark = pytest.mark.parametrize("legacy", ["postgresql"], indirect=True)


@pytest.fixture
def desk(legacy: Legacy) -> Iterator[Desk]:
    """A desk over five rows that wait."""
    configured = settings(legacy)
    legacy.claims(configured)
    legacy.apply(range(1, 6))
    engine = connect("bank", configured, Path())
    yield Desk("here", configured.tables["Score"], engine, None)
    engine.dispose()


def test_an_answer_is_written_and_the_rows_that_wait_are_given(legacy: Legacy, desk: Desk) -> None:
    [first] = desk.peek(1)
    written, more = desk.answer_at_once(first, {"decision": "A", "score": 750}, 2)
    assert written
    assert len(more) == 2 and first.key not in [one.key for one in more]
    assert more == [one for one in desk.peek(5) if one.key in (more[0].key, more[1].key)]
    assert legacy.states() == {"DONE": 1, "NEW": 4}
    while more:
        written, more = desk.answer_at_once(more[0], {"decision": "R", "score": 1}, 2)
        assert written
    assert legacy.states() == {"DONE": 5}


def test_a_row_that_is_claimed_or_done_is_not_written(legacy: Legacy, desk: Desk) -> None:
    rows = desk.peek(5)
    desk.claim_these([rows[0].key])
    assert desk.answer_at_once(rows[0], {"decision": "A"}, 5)[0] is False
    assert desk.answer_at_once(rows[1], {"decision": "A"}, 5)[0] is True
    assert desk.answer_at_once(rows[1], {"decision": "R"}, 5)[0] is False
    _, more = desk.answer_at_once(rows[2], {"decision": "A"}, 5)
    assert sorted(one.key for one in more) == sorted(one.key for one in rows[3:])
    assert {row["decision"] for row in legacy.rows()} == {"A", None}


def test_a_value_that_is_refused_and_a_lost_connection_are_told_apart(legacy: Legacy, desk: Desk) -> None:
    [first] = desk.peek(1)
    with pytest.raises(RowRefused):
        desk.answer_at_once(first, {"decision": "far too long"}, 1)
    with legacy.engine.connect() as connection:
        mine = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'understudy'"
        desk.peek(1)
        connection.exec_driver_sql(mine)
    with pytest.raises(DatabaseDown):
        desk.answer_at_once(first, {"decision": "A"}, 1)
    assert desk.answer_at_once(first, {"decision": "A"}, 1)[0] is True, "on a connection of its own"


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
