"""Batches on PostgreSQL: one message claims, one statement answers; fenced as single statements are, at any size."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from adapters.database.batches import BY_KEY, Batches
from adapters.database.bulk import RECORDS, packed
from adapters.database.desk import Desk
from adapters.database.endings import Endings
from adapters.database.engine import connect
from adapters.database.side import SideTable
from adapters.database.work import Ended, Taken
from tests.conftest import programs
from tests.integration.database.configured import settings
from tests.integration.database.conftest import legacy
from tests.integration.database.legacy_tables import Legacy, loans
from tests.services import POSTGRESQL, Postgresql, running_postgresql

__all__ = ["legacy"]
on_postgresql = pytest.mark.parametrize("legacy", ["postgresql"], indirect=True)


def opened(legacy: Legacy, rows: int, **table: object) -> Desk:
    """A desk over rows that wait."""
    configured = settings(legacy, **table)
    legacy.claims(configured)
    legacy.apply(range(1, rows + 1))
    return Desk("here", configured.tables["Score"], connect("bank", configured, Path()), None)


@pytest.fixture
def desk(legacy: Legacy) -> Iterator[Desk]:
    """A desk over ten rows that wait."""
    desk = opened(legacy, 10)
    yield desk
    desk.engine.dispose()


def answers(taken: Taken, decision: str = "A") -> Ended:
    return Ended({row.key: {"decision": decision, "score": 750} for row in taken.rows})


@on_postgresql
def test_what_is_claimed_is_what_waits_and_nobody_has(legacy: Legacy, desk: Desk) -> None:
    rows = {one.key: one for one in desk.peek(20)}
    first, second, third = desk.claim(4), desk.claim(20), desk.claim(20)
    assert [len(taken.rows) for taken in (first, second, third)] == [4, 6, 0]
    assert not third.token and first.token != second.token
    taken = {one.key: one for one in (*first.rows, *second.rows)}
    assert {key: (one.row, one.place, one.attempts) for key, one in taken.items()} == {
        key: (one.row, one.place, 1) for key, one in rows.items()
    }
    assert {(row["us_token"], row["us_state"]) for row in legacy.side()} == {
        (first.token, "run"), (second.token, "run")
    }  # fmt: skip


@on_postgresql
def test_an_answer_is_written_once_and_ends_its_claim(legacy: Legacy, desk: Desk) -> None:
    taken = desk.claim(6)
    assert Endings(desk).answer(taken, answers(taken)) == (6, [])
    assert Endings(desk).answer(taken, answers(taken, "R")) == (0, [])
    assert legacy.states() == {"DONE": 6, "NEW": 4} and legacy.side() == []
    assert {row["decision"] for row in legacy.rows()} == {"A", None}


@on_postgresql
def test_who_has_lost_its_rows_changes_nothing(legacy: Legacy) -> None:
    """Nor does the one statement answer a row that was put back, or that somebody else has answered."""
    desk = opened(legacy, 10, claim={"lease": "1s"})
    late = desk.claim(10)
    deadline = time.monotonic() + 30
    while not (again := desk.claim(10)).token:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert {row.attempts for row in again.rows} == {2}
    assert desk.answer(late.token, answers(late).answers) == 0
    assert Endings(desk).answer(late, answers(late)) == (0, [])
    assert legacy.states() == {"NEW": 10}
    with legacy.engine.begin() as batch:
        batch.execute(update(loans).where(loans.c.id == 1).values(state="DONE", decision="R"))
    Endings(desk).answer(again, Ended(again={(2,): "later"}))
    assert desk.answer(again.token, answers(again).answers) == 8
    assert {row["id"] for row in legacy.rows() if row["decision"] != "A"} == {1, 2}
    desk.engine.dispose()


@on_postgresql
def test_a_value_that_is_refused_costs_no_other_row_its_answer(legacy: Legacy, desk: Desk) -> None:
    taken = desk.claim(10)
    ended = Ended({**answers(taken).answers, (3,): {"decision": "far too long", "score": 1}, (4,): {"fault": "AGE"}})
    assert Endings(desk).answer(taken, ended) == (9, [])
    assert legacy.states() == {"DONE": 9, "ERROR": 1}
    assert [(row["id"], row["fault"]) for row in legacy.rows() if row["decision"] is None] == [(3, None), (4, "AGE")]


@on_postgresql
def test_the_cost_of_a_row_does_not_grow_with_the_batch(legacy: Legacy) -> None:
    """Also by a plan from a time when nothing waited: by what was known then, there is one row of any kind now."""
    desk = opened(legacy, 1)
    legacy.apply(range(10, 1000), state="DONE")
    taken = desk.claim(1)
    Endings(desk).answer(taken, answers(taken))
    given_up = (
        "INSERT INTO understudy_loans (id, us_token, us_lease, us_attempts, us_state, us_since)"
        " SELECT -n, md5(n::text), 0, 1, 'error', 0 FROM generate_series(1, 3000) AS n"
    )
    with legacy.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(given_up)
        for table in ("loans", "understudy_loans"):
            connection.exec_driver_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
            connection.exec_driver_sql(f"VACUUM ANALYZE {table}")
        connection.exec_driver_sql("CREATE INDEX ON loans (state)")
    legacy.apply(range(1000, 5000))
    taken = desk.claim(4000)
    claims = desk.ready()
    assert isinstance(claims, SideTable) and len(taken.rows) == 4000
    batches = Batches(desk.engine, desk.finder, desk.place, claims, False)
    given = {RECORDS: packed([(row.key[0], "A", 750) for row in taken.rows]), "token": taken.token}
    statement = batches.writing(["decision", "score"]).compile(dialect=desk.engine.dialect)
    with legacy.engine.begin() as connection:
        connection.exec_driver_sql(BY_KEY)
        expanded = statement.construct_expanded_state(given)
        found = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {expanded.statement}", expanded.parameters)
        touched = _touched(found.scalar_one()[0]["Plan"]) / len(taken.rows)
    print(f"rows that the plan touches for each answer: {touched:.1f}")
    assert legacy.states() == {"DONE": 4991}
    assert touched < 30
    desk.engine.dispose()


def _touched(plan: Mapping[str, Any]) -> float:
    """Rows that all nodes of a plan have given or thrown away."""
    gone = ("Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")
    own = plan["Actual Loops"] * (plan["Actual Rows"] + sum(plan.get(name, 0) for name in gone))
    return float(own) + sum(_touched(part) for part in plan.get("Plans", []))


@pytest.fixture
def server() -> Iterator[Postgresql]:
    """A server of one's own, to be crashed."""
    with running_postgresql(programs(POSTGRESQL)) as server:
        yield server


def test_a_claim_that_a_crash_of_the_server_takes_along_is_nobodys(server: Postgresql) -> None:
    """Claims do not wait for the disk. Whoever held one changes nothing, and the rows are claimed anew."""
    legacy = Legacy(server.database())
    desk = opened(legacy, 10)
    with legacy.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET wal_writer_delay = '10s'")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        connection.exec_driver_sql("CHECKPOINT")
    lost = desk.claim(10)
    assert len(lost.rows) == 10
    server.restart()
    for engine in (legacy.engine, desk.engine):
        engine.dispose()
    assert legacy.side() == [], "the claims were lost, or this proves nothing"
    again = desk.claim(5)
    assert Endings(desk).answer(lost, answers(lost, "R")) == (0, [])
    assert Endings(desk).answer(again, answers(again)) == (5, [])
    server.restart()
    legacy.engine.dispose()
    assert legacy.states() == {"DONE": 5, "NEW": 5}, "an answer outlasts a crash"
    assert {row["decision"] for row in legacy.rows()} == {"A", None}
    legacy.close()
    desk.engine.dispose()
