"""A value stands under its token until it expires, over all that share the store; the first one kept is it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from gateway.contract import NotKept
from gateway.kept import Kept
from gateway.store import tables, values
from gateway.store.engine import connect, writing


def expire(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(update(tables.value).values(expires=datetime(2020, 1, 1, tzinfo=UTC)))


def test_the_first_value_of_a_token_stands_in_its_scope(engine: Engine) -> None:
    assert values.keep(engine, "loans", {b"a": b"1", b"b": b"2"}, 60) == {b"a": b"1", b"b": b"2"}
    assert values.keep(engine, "loans", {b"a": b"other", b"c": b"3"}, 60) == {b"a": b"1", b"c": b"3"}
    assert values.kept(engine, "loans", [b"a", b"b", b"c", b"d"]) == {b"a": b"1", b"b": b"2", b"c": b"3"}
    assert values.kept(engine, "other", [b"a"]) == {}
    assert values.keep(engine, "loans", {}, 60) == values.kept(engine, "loans", []) == {}


def test_what_has_expired_is_gone_can_be_kept_anew_and_is_swept(engine: Engine) -> None:
    values.keep(engine, "loans", {b"a": b"1", b"b": b"2"}, 60)
    expire(engine)
    assert values.kept(engine, "loans", [b"a", b"b"]) == {}
    assert values.keep(engine, "loans", {b"a": b"new"}, 60) == {b"a": b"new"}
    assert (values.sweep(engine), values.sweep(engine)) == (1, 0)
    assert values.kept(engine, "loans", [b"a"]) == {b"a": b"new"}


def test_all_who_keep_at_once_are_told_the_same(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: values.keep(engine, "loans", {b"a": b"%d" % n, b"b": b"%d" % n}, 60), range(24)))
    assert all(one == told[0] for one in told)


def test_workers_that_share_the_store_agree_and_without_it_nothing_is_claimed(engine: Engine, tmp_path: Path) -> None:
    async def main() -> None:
        assert await Kept(engine).keep("loans", {b"a": b"1"}, 60, {}) == {b"a": b"1"}
        assert await Kept(engine).kept("loans", [b"a"]) == {b"a": b"1"}
        away = Kept(connect("sqlite:///missing.db", tmp_path))
        with pytest.raises(NotKept):
            await away.keep("loans", {b"a": b"1"}, 60, {})
        with pytest.raises(NotKept):
            await away.kept("loans", [b"a"])

    asyncio.run(main())
