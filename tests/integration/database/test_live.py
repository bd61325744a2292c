"""The candidate answers rows: on SQLite, PostgreSQL and MariaDB; every row once, the bad ones by themselves."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import event

from adapters.database.desk import Desk
from adapters.database.endings import Endings
from adapters.database.engine import connect
from adapters.database.work import Ended
from gateway.contract import ConfigError
from tests.inprocess import running
from tests.integration.database.configured import adapter, config, settings
from tests.integration.database.legacy_tables import Legacy, verdicts
from tests.load import until


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


@pytest.mark.parametrize("legacy", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("size", [50, 1])
def test_while_nobody_can_be_asked_rows_are_looked_at_ever_more_seldom(
    legacy: Legacy, tmp_path: Path, size: int
) -> None:
    """Given a model that is gone, four more attempts take longer than a hundred looks would, and cost no row any."""

    async def case() -> None:
        legacy.claims(settings(legacy))
        values = adapter(legacy, size=size, claim={"attempts": 1})
        async with running(config(values), tmp_path, observe=False) as gateway:
            gateway.links.by_name["scorer"]._model = None
            legacy.apply([1, 2], amount=10)

            def unasked() -> float:
                labels = {"source": "bank", "operation": "Score", "event": "unasked"}
                return gateway.meters.registry.get_sample_value("understudy_adapter_events_total", labels) or 0

            await gateway.until(unasked)
            begun, step = time.monotonic(), unasked()
            await gateway.until(lambda: unasked() >= 5 * step)
            looks = (time.monotonic() - begun) / 0.02  # as often as rows are looked for where there are none
        print(f"4 more attempts in the time of {looks:.0f} looks")
        assert looks > 100
        assert legacy.states() == {"NEW": 2} and legacy.side() == []

    asyncio.run(case())


def test_columns_in_whose_order_rows_are_read_may_not_be_null(legacy: Legacy) -> None:
    """Such rows would never be found, so that it is said at once; a filter that leaves them out will do."""
    with pytest.raises(ConfigError, match=r"order: note may be NULL.*missing: false"):
        Desk("here", settings(legacy, order=["state", "note"]).tables["Score"], legacy.engine, None)
    kept = settings(legacy, order=["state", "note"], where={"note": {"missing": False}}).tables["Score"]
    assert Desk("here", kept, legacy.engine, None).page(None, 5) == []


@pytest.mark.parametrize("legacy", ["mariadb"], indirect=True)
def test_whose_transaction_is_ended_for_the_sake_of_others_answers_all_the_same(legacy: Legacy) -> None:
    """Given somebody who has some of the claims and comes to want those that we have, the database ends ours, which has
    written less: it is tried again at once, and not when the lease ends."""
    typed = settings(legacy).model_copy(update={"lock_timeout": 30.0})
    legacy.claims(typed)
    legacy.apply(range(1, 41), amount=10)
    desk, errors = Desk("here", typed.tables["Score"], connect("bank", typed, Path()), None), list[str]()
    event.listen(desk.engine, "handle_error", lambda one: errors.append(str(one.original_exception)))
    taken = desk.claim(40)
    ended = Ended({row.key: {"decision": "A", "score": 1} for row in taken.rows})
    with ThreadPoolExecutor(1) as threads, legacy.engine.begin() as other:
        other.exec_driver_sql("UPDATE understudy_loans SET us_error = 'x' WHERE id > 20")
        answered = threads.submit(Endings(desk).answer, taken, ended)
        until(lambda: _waits(legacy) or answered.done(), "the gateway to wait")
        other.exec_driver_sql("UPDATE understudy_loans SET us_error = 'x' WHERE id = 1")
        other.commit()
        assert answered.result() == (40, [])
    assert len(errors) == 1 and "Deadlock found" in errors[0]
    assert legacy.states() == {"DONE": 40} and legacy.side() == []
    desk.engine.dispose()


def _waits(legacy: Legacy) -> bool:
    """Whether a transaction waits for a lock."""
    query = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    with legacy.engine.connect() as connection:
        return bool(connection.exec_driver_sql(query).scalar_one())
