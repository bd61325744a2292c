"""Rows that the legacy application has locked: nobody waits for them, and nobody has to wait for us meanwhile."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select, update

from adapters.database import Database
from adapters.database.desk import Desk
from adapters.database.endings import Endings
from adapters.database.engine import connect
from adapters.database.work import Ended
from gateway.contract import Unfinished
from tests.inprocess import running
from tests.integration.database.configured import STATUS, adapter, config, settings
from tests.integration.database.legacy_tables import Legacy, loans, verdicts

pytestmark = pytest.mark.parametrize("legacy", ["postgresql", "mariadb"], indirect=True)
CLAIMED = {"status": {**STATUS["status"], "claimed": "MODEL"}}


@contextmanager
def locking(legacy: Legacy, *ids: int) -> Iterator[None]:
    """Has somebody's open screen lock rows."""
    with legacy.engine.connect() as screen:
        for id in ids:  # one by one: MariaDB may read a small table whole, and lock all of it
            screen.execute(select(loans.c.id).where(loans.c.id == id).with_for_update()).all()
        yield


@pytest.fixture
def ours(legacy: Legacy) -> Iterator[Engine]:
    """The gateway's own connections, whose waits end."""
    engine = connect("bank", settings(legacy), Path())
    yield engine
    engine.dispose()


@pytest.fixture
def impatient(legacy: Legacy) -> Iterator[Engine]:
    """The application, which waits for nobody's lock."""
    arguments = {
        "postgresql": {"options": "-c lock_timeout=1"},
        "mariadb": {"init_command": "SET innodb_lock_wait_timeout=0"},
    }
    engine = create_engine(legacy.url, connect_args=arguments[legacy.engine.dialect.name])
    yield engine
    engine.dispose()


@pytest.mark.parametrize("size", [50, 1])
def test_a_locked_row_costs_the_others_nothing_and_is_answered_when_it_is_free(
    legacy: Legacy, tmp_path: Path, size: int
) -> None:
    """However long it takes: with one attempt allowed, any that counted would give the row up."""

    async def case() -> None:
        values = {"claim": {"attempts": 1}, "size": size}
        legacy.claims(settings(legacy, **values))
        legacy.apply(range(1, 41), amount=10)
        async with running(config(adapter(legacy, **values)), tmp_path) as gateway:
            with locking(legacy, 5):
                await gateway.until(lambda: legacy.states() == {"DONE": 39, "NEW": 1})
                seen: set[int] = set()

                def tried_again() -> bool:
                    seen.update(row["us_lease"] for row in legacy.side() if row["us_state"] == "wait")
                    return len(seen) > 2

                await gateway.until(tried_again)
            await gateway.until(lambda: legacy.states() == {"DONE": 40})
        assert legacy.side() == []

    asyncio.run(case())


def test_while_a_row_is_waited_for_no_other_is_locked(legacy: Legacy, ours: Engine, impatient: Engine) -> None:
    """An answer's transaction touches every free row but none that is locked, and tells them apart from taken ones."""
    typed = settings(legacy)
    legacy.claims(typed)
    legacy.apply(range(1, 11), amount=10)
    desk = Desk("here", typed.tables["Score"], ours, None)
    taken = desk.claim(100)
    with impatient.begin() as application:
        application.execute(update(loans).where(loans.c.id == 9).values(state="DONE", note="batch"))
    with locking(legacy, 1, 2):
        ended = Ended({row.key: {"decision": "A"} for row in taken.rows})
        assert Endings(desk).answer(taken, ended) == (7, ["taken"])
        with impatient.begin() as application:
            done = application.execute(update(loans).where(loans.c.id > 2).values(note="mine"))
            assert done.rowcount == 8
    assert {row["id"]: (row["us_state"], row["us_attempts"]) for row in legacy.side()} == {
        1: ("wait", 0),
        2: ("wait", 0),
    }
    assert {row["id"] for row in legacy.rows() if row["decision"] is None} == {1, 2, 9}


def test_a_row_claimed_by_its_status_stays_marked_until_it_can_be_given_back(
    legacy: Legacy, ours: Engine, tmp_path: Path
) -> None:
    typed = settings(legacy, find=CLAIMED, batch={"coexists": "skips_status"}, claim={"attempts": 1})
    legacy.claims(typed)
    legacy.apply(range(1, 7), amount=10)
    desk = Desk("here", typed.tables["Score"], ours, None)
    endings = Endings(desk)
    with locking(legacy, 6):
        taken = desk.claim(100)
        assert len(taken.rows) == 5, "what is locked cannot be marked, so it is not ours"
    with locking(legacy, 1, 2, 3):
        ended = Ended({}, failed={(1,): "bad", (5,): "bad"}, again={(2,): "later"}, unasked=[(3,), (4,)])
        assert endings.answer(taken, ended) == (0, [])
        assert legacy.states() == {"MODEL": 3, "NEW": 3}
        assert endings.give_back() == 0
        with pytest.raises(Unfinished, match="3 claimed rows locked"):
            asyncio.run(_left(legacy, typed, tmp_path))
    assert endings.give_back() == 3
    assert legacy.states() == {"NEW": 6}
    assert {row["id"]: row["us_state"] for row in legacy.side()} == dict.fromkeys([1, 2, 3, 5], "left")


async def _left(legacy: Legacy, typed: object, folder: Path) -> None:
    bank = Database("bank", typed, folder)  # type: ignore[arg-type]  # see settings()
    try:
        await bank.leave(10)
    finally:
        await bank.close()


def test_a_row_with_a_status_beside_the_result_table_is_marked_or_left_whole(legacy: Legacy, ours: Engine) -> None:
    typed = settings(legacy, answer={"table": "verdicts", "key": {"id": "loan"}}, refusal=None)
    legacy.claims(typed)
    legacy.apply(range(1, 6), amount=10)
    desk = Desk("here", typed.tables["Score"], ours, None)
    taken = desk.claim(100)
    with locking(legacy, 3):
        assert Endings(desk).answer(taken, Ended({row.key: {"decision": "A"} for row in taken.rows})) == (4, [])
    assert [row["loan"] for row in legacy.rows(verdicts)] == [1, 2, 4, 5]
    assert [row["id"] for row in legacy.rows() if row["state"] == "NEW"] == [3]
