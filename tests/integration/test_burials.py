"""Dead letters reach the ledger without anybody waiting, and not more of them are held than may be."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import burials
from gateway.burials import Burials
from gateway.store import dead
from gateway.store.dead import Burial
from gateway.store.engine import connect
from gateway.store.migrate import migrate

STORE = "sqlite:///store.db"


def burial(at: int) -> Burial:
    return Burial("loans", "Score", f"l{at}", "Undecodable", datetime.now(UTC))


def noted(folder: Path) -> set[str]:
    engine = connect(STORE, folder)
    try:
        return set(dead.standing(engine, "loans"))
    finally:
        engine.dispose()


def test_a_stop_waits_until_all_are_noted_in_as_many_steps_as_it_takes(tmp_path: Path) -> None:
    migrate(STORE, tmp_path)

    async def main() -> None:
        some = Burials(connect(STORE, tmp_path))
        for at in range(2 * burials.STEP + 1):
            some.add(burial(at))
        await some.finish()
        await some.finish()  # with nothing left to do

    asyncio.run(main())
    assert noted(tmp_path) == {f"l{at}" for at in range(2 * burials.STEP + 1)}


def test_while_the_store_is_away_so_many_are_held_as_may_be_and_noted_when_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(burials, "MOST", 3)
    monkeypatch.setattr(burials, "RETRY", 0.01)

    async def main() -> None:
        some = Burials(connect(STORE, tmp_path))
        for at in range(5):
            some.add(burial(at))
            await asyncio.sleep(0)
        await asyncio.to_thread(migrate, STORE, tmp_path)
        await some.finish()

    asyncio.run(main())
    assert noted(tmp_path) == {"l0", "l1", "l2"}


def test_a_stop_does_not_wait_for_ever_for_a_store_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(burials, "PATIENCE", 0.1)

    async def main() -> None:
        some = Burials(connect(STORE, tmp_path))
        some.add(burial(1))
        await some.finish()

    asyncio.run(main())
    assert not (tmp_path / "store.db").exists()
