"""A token is first once, over all that share the store, until it expires."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from gateway.once import Once
from gateway.store import tables, tokens
from gateway.store.engine import connect, reading, writing
from gateway.store.model import StoreDown


def kept(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(tables.token)).scalar_one())


def expire(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(update(tables.token).values(expires=datetime(2020, 1, 1, tzinfo=UTC)))


def test_a_token_is_first_once_in_its_scope(engine: Engine) -> None:
    assert tokens.first(engine, "wsse", b"a", 60)
    assert not tokens.first(engine, "wsse", b"a", 60)
    assert tokens.first(engine, "wsse", b"b", 60)
    assert tokens.first(engine, "other", b"a", 60)


def test_a_token_that_has_expired_is_first_again_and_swept(engine: Engine) -> None:
    assert tokens.first(engine, "wsse", b"a", 60) and tokens.first(engine, "wsse", b"b", 60)
    expire(engine)
    assert tokens.first(engine, "wsse", b"a", 60)
    assert not tokens.first(engine, "wsse", b"a", 60)
    assert (tokens.sweep(engine), kept(engine)) == (1, 1)
    assert tokens.sweep(engine) == 0


def test_a_sweep_takes_small_steps(engine: Engine) -> None:
    for number in range(5):
        tokens.first(engine, "wsse", b"%d" % number, 60)
    expire(engine)
    assert [tokens.sweep(engine, limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_of_many_at_once_one_is_first(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: tokens.first(engine, "wsse", b"a", 60), range(24)))
    assert sum(found) == 1


def test_a_store_that_is_down_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreDown):
        tokens.first(connect("sqlite:///missing.db", tmp_path), "wsse", b"a", 60)


def test_a_worker_without_its_store_knows_its_own_tokens_and_forgets_the_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.once.REMEMBERED", 3)

    async def main() -> None:
        once = Once(connect("sqlite:///missing.db", tmp_path))
        assert [await once.first("wsse", b"a", 60) for _ in range(2)] == [True, False]
        assert [await once.first("wsse", b"%d" % n, 60) for n in range(3)] == [True] * 3
        assert await once.first("wsse", b"a", 60)
        assert not await once.first("wsse", b"2", 60)
        assert await once.first("wsse", b"gone", 0) and await once.first("wsse", b"gone", 0)

    asyncio.run(main())


def test_workers_that_share_the_store_agree(engine: Engine) -> None:
    async def main() -> None:
        one, other = Once(engine), Once(engine)
        assert await one.first("wsse", b"a", 60)
        assert not await other.first("wsse", b"a", 60)

    asyncio.run(main())
