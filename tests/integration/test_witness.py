"""An incumbent that answers elsewhere, hours later: snapshots, joins on time and late, orphans, redelivery."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import select

from adapters.memory import Memory, Message
from gateway import observer as observing
from gateway.contract import Stage
from gateway.store import queries, tables
from tests.inprocess import InProcess, running
from tests.integration.test_stages import balanced, memory, message
from tests.old_system import score

CONFIG = """
records: {fields: {decision: keep}}
store: sqlite:///understudy.db
models:
  scorer: {type: python, call: "tests.models:by_amount"}
adapters:
  old: {type: memory, operations: [Score], incumbent: "tests.old_system:score", answers: false}
routes:
  loan:
    stage: shadow
    candidate: scorer
    key: id
    join_window: WINDOW
    fields: {id: text, amount: decimal}
    answer:
      fields:
        decision: {from: probability_bad, bands: [{below: 0.5, value: approve}, {value: reject}]}
    sources:
      old/Score:
        request: {id: Id, amount: Amount}
        answer: {decision: {from: Decision, codes: {A: approve, R: reject}}}
"""


async def answer(gateway: InProcess, one: Message) -> None:
    await memory(gateway).witnessed(one, await score(one.body))


async def seen(gateway: InProcess, count: int) -> None:
    """Waits until the store knows that many calls."""
    await gateway.until(lambda: gateway.ledger("loan")["seen"] == count)
    assert queries.balance(queries.ledger(gateway.engine, "loan")) == 0


def test_an_answer_that_comes_later_is_joined_with_the_snapshot(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(CONFIG.replace("WINDOW", "1h"), tmp_path) as gateway:
            box: Memory = memory(gateway)
            assert box.ceiling is Stage.SHADOW
            messages = [message(n) for n in range(50)]
            for one in messages:
                box.put(one)
            await seen(gateway, 50)
            assert gateway.ledger("loan") == {"seen": 50, "pending": 50}
            for one in messages[:40]:
                await answer(gateway, one)
            await gateway.until(lambda: gateway.ledger("loan")["compared"] == 40)
            assert gateway.ledger("loan") == {"seen": 50, "pending": 10, "compared": 40}
            assert queries.agreement(gateway.engine, "loan").agreed == 40

    asyncio.run(case())


def test_pending_calls_outlive_the_observer_and_the_process(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(CONFIG.replace("WINDOW", "1h"), tmp_path) as gateway:
            memory(gateway).put(message(1))
            await seen(gateway, 1)
        async with running(CONFIG.replace("WINDOW", "1h"), tmp_path) as gateway:
            await answer(gateway, message(1))
            assert await balanced(gateway, 1) == {"seen": 1, "compared": 1}

    asyncio.run(case())


def test_late_answers_and_orphans_are_told_apart(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(CONFIG.replace("WINDOW", "1ms"), tmp_path) as gateway:
            memory(gateway).put(message(1))
            memory(gateway).put(message(2))
            await gateway.until(lambda: gateway.ledger("loan")["orphan"] == 2)
            await answer(gateway, message(1))
            await gateway.until(lambda: gateway.ledger("loan")["compared_late"] == 1)
            await answer(gateway, message(3))
            await seen(gateway, 3)
            assert gateway.ledger("loan") == {"seen": 3, "orphan": 2, "compared_late": 1}

    asyncio.run(case())


def test_a_call_or_an_answer_that_comes_twice_is_one_record(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(CONFIG.replace("WINDOW", "1h"), tmp_path) as gateway:
            for _ in range(2):
                memory(gateway).put(message(1))
                await gateway.until(lambda: not memory(gateway).unacknowledged)
            await seen(gateway, 1)
            for _ in range(2):
                await answer(gateway, message(1))
                await gateway.until(lambda: gateway.ledger("loan")["compared"] == 1)
            await gateway.until(lambda: gateway.ledger("loan")["duplicate"] == 1)
            assert gateway.ledger("loan") == {"seen": 1, "compared": 1, "duplicate": 1}
            assert queries.agreement(gateway.engine, "loan").compared == 1

    asyncio.run(case())


def test_an_unreadable_request_is_booked_and_waits_for_nothing(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(CONFIG.replace("WINDOW", "1h"), tmp_path) as gateway:
            memory(gateway).put(Message("m1", "Score", b"<xml/>"))
            memory(gateway).put(Message("m2", "Score", json.dumps({"Id": "2", "Amount": "much"}).encode()))
            assert await balanced(gateway, 2) == {"seen": 2, "undecodable": 1, "failed": 1}

    asyncio.run(case())


@pytest.mark.parametrize("chunk", [1, 256])
def test_an_answer_that_follows_its_call_at_once_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """Both may be read by the observer in one go, or the answer while the call is still being judged."""
    monkeypatch.setattr(observing, "CHUNK", chunk)
    calls = 40 if chunk == 1 else 400

    async def case() -> None:
        async with running(CONFIG.replace("WINDOW", "1h"), tmp_path) as gateway:
            box = memory(gateway)
            for n in range(calls):
                one = message(n)
                await gateway.dispatch.witness(box.call(one), None)
                await answer(gateway, one)
            assert await balanced(gateway, calls) == {"seen": calls, "compared": calls}
            assert queries.agreement(gateway.engine, "loan").agreed == calls

    asyncio.run(case())


def test_an_answer_that_comes_while_the_store_is_away_is_joined_when_it_is_back(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(CONFIG.replace("WINDOW", "1h"), tmp_path) as gateway:
            memory(gateway).put(message(1))
            await seen(gateway, 1)
            observer = gateway.observer
            assert observer
            await gateway.until(lambda: not observer._opened)  # from now on only the store knows the call
            database, away = tmp_path / "understudy.db", tmp_path / "away.db"
            database.rename(away)
            await answer(gateway, message(1))
            await gateway.until(lambda: bool(observer.problem))
            away.rename(database)
            assert await balanced(gateway, 1) == {"seen": 1, "compared": 1}

    asyncio.run(case())


def test_off_gathers_the_answers_with_their_calls_where_it_records_and_else_nothing(tmp_path: Path) -> None:
    async def case() -> None:
        text = CONFIG.replace("WINDOW", "1h").replace("stage: shadow", "stage: off")
        async with running(text, tmp_path) as gateway:
            memory(gateway).put(message(1))
            await gateway.until(lambda: not memory(gateway).unacknowledged)
            await answer(gateway, message(1))
            assert await balanced(gateway, 1) == {"seen": 1, "not_observable:off": 1}
            gateway.reload(text.replace("key: id", "key: id\n    observe: record"))
            memory(gateway).put(message(2))
            await seen(gateway, 2)
            await answer(gateway, message(2))
            await gateway.until(lambda: gateway.ledger("loan")["not_observable:recorded"] == 1)
            assert gateway.ledger("loan") == {"seen": 2, "not_observable:off": 1, "not_observable:recorded": 1}
            with gateway.engine.connect() as connection:
                [said] = connection.execute(select(tables.record.c.incumbent)).scalars()
            assert json.loads(said) == {"decision": "approve"}

    asyncio.run(case())
