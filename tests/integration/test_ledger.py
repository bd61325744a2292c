"""The ledger adds up whatever breaks between a worker and the store."""

import asyncio
from pathlib import Path

from gateway.contract import Relayed
from gateway.store import queries
from tests.inprocess import running
from tests.integration.test_stages import balanced, config, exchange, message


def test_without_an_observer_every_call_is_answered_and_compared_by_the_next_one(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("shadow"), tmp_path, observe=False) as gateway:
            answers = await exchange(gateway, [message(n) for n in range(25)])
            assert all(isinstance(answer, Relayed) for answer in answers.values())
            await gateway.observe()
            assert await balanced(gateway, 25) == {"seen": 25, "compared": 25}

    asyncio.run(case())


def test_a_full_pipe_drops_and_counts_and_delays_nobody(tmp_path: Path) -> None:
    async def case() -> None:
        text = config("shadow").replace("routes:", "observer: {buffer: 1B, backlog: 1}\nroutes:", 1)
        async with running(text, tmp_path) as gateway:
            answers = await exchange(gateway, [message(n) for n in range(500)])
            assert len(answers) == 500
            ledger = await balanced(gateway, 500)
            assert ledger["compared"] + ledger.get("dropped", 0) == 500

    asyncio.run(case())


def test_a_store_that_goes_away_and_comes_back_loses_no_record(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("shadow"), tmp_path) as gateway:
            await exchange(gateway, [message(n) for n in range(10)])
            await balanced(gateway, 10)
            database = tmp_path / "understudy.db"
            away = tmp_path / "away.db"
            database.rename(away)
            answers = await exchange(gateway, [message(n) for n in range(10, 40)])
            assert all(isinstance(answer, Relayed) for answer in answers.values())
            observer = gateway.observer
            assert observer
            await gateway.until(lambda: bool(observer.problem))
            away.rename(database)
            assert await balanced(gateway, 40) == {"seen": 40, "compared": 40}
            assert queries.agreement(gateway.engine, "loan").compared == 40
            await gateway.until(lambda: not observer.problem)

    asyncio.run(case())
