"""The candidate answers rows: on SQLite, PostgreSQL and MariaDB; every row once, the bad ones by themselves."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.database.desk import Desk
from adapters.database.endings import Endings
from adapters.database.work import Ended
from tests.inprocess import running
from tests.integration.database.configured import adapter, config, settings
from tests.integration.database.legacy_tables import Legacy, verdicts


def test_rows_are_answered_in_place_with_their_status(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        legacy.claims(settings(legacy))
        legacy.apply(range(1, 121))
        async with running(config(adapter(legacy)), tmp_path) as gateway:
            await gateway.until(lambda: legacy.states() == {"DONE": 120})
            legacy.apply([500])
            await gateway.until(lambda: legacy.states() == {"DONE": 121})
            await gateway.until(lambda: gateway.ledger("loan")["seen"] == 121)
        rows = legacy.rows()
        assert [row["decision"] for row in rows[:3]] == ["A", "A", "A"]
        assert float(rows[2]["score"]) == 849.9
        assert {row["fault"] for row in rows if row["amount"] > 1900} == {"TOO_MUCH"}
        assert legacy.side() == []

    asyncio.run(case())


def test_answers_go_into_a_result_table_once(legacy: Legacy, tmp_path: Path) -> None:
    find = {"result": {"table": "verdicts", "key": {"id": "loan"}}}
    values = {"find": find, "answer": {"constants": {"source": "model"}}, "refusal": {"code": "source"},
              "where": {"branch": ["B1", "B2"], "amount": {"below": 1900}}}  # fmt: skip

    async def case() -> None:
        legacy.claims(settings(legacy, **values))
        legacy.apply(range(1, 121))
        wanted = [row["id"] for row in legacy.rows() if row["branch"].strip() in ("B1", "B2") and row["amount"] < 1900]
        async with running(config(adapter(legacy, **values)), tmp_path) as gateway:
            await gateway.until(lambda: len(legacy.rows(verdicts)) == len(wanted))
        assert [row["loan"] for row in legacy.rows(verdicts)] == wanted
        assert {row["source"] for row in legacy.rows(verdicts)} == {"model"}
        assert legacy.states() == {"NEW": 120}

    asyncio.run(case())


def test_a_bad_row_gets_its_error_and_stops_nobody(legacy: Legacy, tmp_path: Path) -> None:
    """One that cannot be mapped, one that the model cannot score, and one whose answer the database refuses."""

    async def case() -> None:
        legacy.claims(settings(legacy, claim={"attempts": 1}))
        legacy.apply(range(1, 61))
        legacy.apply([901], amount=None)
        legacy.apply([902], amount=-5)
        async with running(config(adapter(legacy, claim={"attempts": 1})), tmp_path) as gateway:
            await gateway.until(lambda: legacy.states() == {"DONE": 60, "ERROR": 2})
        errors = {row["id"]: row["us_error"] for row in legacy.side()}
        assert errors == {901: "Unmappable amount", 902: "CandidateFailed"}
        assert {row["us_state"] for row in legacy.side()} == {"error"}

    asyncio.run(case())


@pytest.mark.parametrize("pollers", [3])
def test_several_pollers_share_the_rows(legacy: Legacy, tmp_path: Path, pollers: int) -> None:
    async def case() -> None:
        legacy.claims(settings(legacy))
        legacy.apply(range(1, 301), amount=10)
        first = config(adapter(legacy))
        async with running(first, tmp_path / "a", observe=False) as a, running(first, tmp_path / "b", observe=False):
            await a.until(lambda: legacy.states() == {"DONE": 300})
        assert legacy.side() == []

    for name in "ab":
        (tmp_path / name).mkdir()
    asyncio.run(case())


def test_an_answer_that_the_database_refuses_costs_no_other_its_answer(legacy: Legacy) -> None:
    """One is too long, or has no room in its column's type; with 40 others it is found by halving."""
    typed = settings(legacy)
    legacy.claims(typed)
    legacy.apply(range(1, 42))
    if legacy.engine.dialect.name == "sqlite":  # where any text fits anywhere, a trigger refuses it
        with legacy.engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER strict BEFORE UPDATE ON loans WHEN length(NEW.decision) > 1"
                " BEGIN SELECT RAISE(ABORT, 'too long'); END"
            )
    desk = Desk("here", typed.tables["Score"], legacy.engine, None)
    taken = desk.claim(100)
    answers = {row.key: {"decision": "much too long" if row.key == (17,) else "A"} for row in taken.rows}
    assert Endings(desk).answer(taken, Ended(answers)) == (40, [])
    assert legacy.states() == {"DONE": 40, "ERROR": 1}
    [lost] = legacy.side()
    assert (lost["id"], lost["us_state"]) == (17, "error") and "long" in lost["us_error"].lower()


@pytest.mark.parametrize("legacy", ["postgresql", "mariadb"], indirect=True)
def test_a_number_without_room_in_its_column_is_refused_and_never_cut(legacy: Legacy) -> None:
    typed = settings(legacy)
    legacy.claims(typed)
    legacy.apply(range(1, 10))
    desk = Desk("here", typed.tables["Score"], legacy.engine, None)
    taken = desk.claim(100)
    answers = {row.key: {"score": Decimal("99999999.9") if row.key == (3,) else Decimal("5.5")} for row in taken.rows}
    assert Endings(desk).answer(taken, Ended(answers)) == (8, [])
    assert {row["score"] for row in legacy.rows()} == {Decimal("5.5"), None}
