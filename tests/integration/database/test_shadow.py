"""The old batch answers, minutes or a night later, and the gateway only reads: snapshots, joins, restarts, orphans."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import event, insert

from gateway.store import queries
from tests.inprocess import InProcess, running
from tests.integration.database.configured import BATCH, adapter, config
from tests.integration.database.legacy_tables import Legacy, loans, verdicts


async def seen(gateway: InProcess, **terms: int) -> None:
    """Waits until the ledger says exactly this; it always balances."""
    await gateway.until(lambda: gateway.ledger("loan") == terms)
    assert queries.balance(queries.ledger(gateway.engine, "loan")) == 0


def test_rows_are_snapshotted_and_joined_with_what_the_batch_writes(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        legacy.apply(range(1, 121))
        text = config(adapter(legacy, batch=BATCH), stage="shadow")
        async with running(text, tmp_path) as gateway:
            await seen(gateway, seen=120, pending=120)
            legacy.apply([7000, 200])  # one of them with a key before others that were read already
            await seen(gateway, seen=122, pending=122)
            assert legacy.batch() == 122
            await seen(gateway, seen=122, compared=122)
            agreed = queries.agreement(gateway.engine, "loan")
            assert agreed.compared == 122 and agreed.agreed == 116, "six are refused by the route alone"
        assert {row["note"] for row in legacy.rows()} == {"batch"}

    asyncio.run(case())


def test_the_shadow_writes_nothing_at_all(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        legacy.apply(range(1, 51))
        spoken: list[str] = []
        async with running(config(adapter(legacy, batch=BATCH), stage="shadow"), tmp_path) as gateway:
            engine = gateway.adapters["bank"]._engine  # type: ignore[attr-defined]  # the very connections it uses
            event.listen(engine, "before_cursor_execute", lambda *given: spoken.append(given[2]))
            legacy.apply([100])
            await seen(gateway, seen=51, pending=51)
            legacy.batch()
            await seen(gateway, seen=51, compared=51)
        verbs = {one.split()[0].upper() for one in spoken}
        assert "SELECT" in verbs and verbs <= {"SELECT", "BEGIN", "PRAGMA", "SHOW"}, verbs

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["postgresql"], indirect=True)
def test_answers_written_while_nobody_watched_are_joined_after_a_restart(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        legacy.apply(range(1, 251))
        text = config(adapter(legacy, batch=BATCH, size=100), stage="shadow")
        async with running(text, tmp_path) as gateway:
            await seen(gateway, seen=250, pending=250)
        legacy.batch()
        async with running(text, tmp_path) as gateway:
            await seen(gateway, seen=250, compared=250)

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["mariadb"], indirect=True)
def test_late_answers_and_rows_that_vanish_are_told_apart(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        legacy.apply([1, 2])
        text = config(adapter(legacy, batch=BATCH), stage="shadow").replace("join_window: 1h", "join_window: 1ms")
        async with running(text, tmp_path) as gateway:
            await seen(gateway, seen=2, orphan=2)
            with legacy.engine.begin() as connection:
                connection.execute(loans.delete().where(loans.c.id == 2))
            legacy.batch()
            await seen(gateway, seen=2, orphan=1, compared_late=1)

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["postgresql"], indirect=True)
def test_answers_of_a_result_table_are_joined_by_its_key(legacy: Legacy, tmp_path: Path) -> None:
    find = {"result": {"table": "verdicts", "key": {"id": "loan"}}}

    async def case() -> None:
        legacy.apply(range(1, 6))
        values = adapter(legacy, batch=BATCH, find=find, refusal=None)
        async with running(config(values, stage="shadow"), tmp_path) as gateway:
            await seen(gateway, seen=5, pending=5)
            with legacy.engine.begin() as connection:
                rows = [{"loan": n, "decision": "A", "score": 1000 - (100 * n + 0.25) / 2} for n in range(1, 5)]
                connection.execute(insert(verdicts), rows)
            await seen(gateway, seen=5, pending=1, compared=4)
            assert queries.agreement(gateway.engine, "loan").agreed == 4

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_off_reads_nothing_into_the_ledger_unless_it_is_to_record(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        legacy.apply(range(1, 11))
        text = config(adapter(legacy, batch=BATCH), stage="off")
        async with running(text, tmp_path) as gateway:
            gateway.reload(text.replace("key: id", "key: id\n    observe: record"))
            await seen(gateway, seen=10, pending=10)
            legacy.batch()
            await seen(gateway, seen=10, **{"not_observable:recorded": 10})

    asyncio.run(case())


def test_rows_may_be_read_only_once_they_are_answered(legacy: Legacy, tmp_path: Path) -> None:
    answered = {"column": "id", "back": 5000}

    async def case() -> None:
        legacy.apply(range(1, 151))
        legacy.batch()
        legacy.apply([1000])  # that waits is nothing to this one
        values = adapter(legacy, batch=BATCH, read="answered", answered=answered, size=40)
        async with running(config(values, stage="shadow"), tmp_path) as gateway:
            await seen(gateway, seen=150, compared=150)
            legacy.apply([1100, 1101])
            legacy.batch()
            await seen(gateway, seen=153, compared=153)

    asyncio.run(case())
