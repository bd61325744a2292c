"""Rows that were given up are found and tried again; the adapter goes without a trace."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import inspect

from adapters.database import Database
from adapters.database.desk import Desk
from adapters.database.endings import Endings
from adapters.database.side import SideTable
from adapters.database.work import Ended
from gateway.contract import Payload, Unfinished
from tests.inprocess import running
from tests.integration.database.configured import STATUS, adapter, config, settings
from tests.integration.database.legacy_tables import Legacy, loans

CLAIMED = {"status": {**STATUS["status"], "claimed": "MODEL"}}


def test_a_row_that_was_given_up_is_shown_and_tried_again(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        legacy.claims(settings(legacy))
        legacy.apply([1], amount=-5)
        async with running(config(adapter(legacy, claim={"attempts": 1})), tmp_path) as gateway:
            await gateway.until(lambda: legacy.states() == {"ERROR": 1})
        bank = Database("bank", settings(legacy), tmp_path)
        count, [letter] = await bank.dead(10)
        assert (count, letter.id, letter.reason) == (1, "Score/[1]", "CandidateFailed")
        assert letter.properties == {"attempts": "1"} and b'"branch":"B1"' in letter.body
        with pytest.raises(Unfinished, match=r"Score/\[2\]"):
            assert [one.id async for one in bank.resubmit(["Score/[1]", "Score/[2]"])] == ["Score/[1]"]
        [claim] = legacy.side()
        assert legacy.states() == {"NEW": 1} and (claim["us_state"], claim["us_attempts"]) == ("wait", 0)
        await bank.close()

    asyncio.run(case())


def end_leases(legacy: Legacy) -> None:
    """Puts the end of every lease into the past."""
    with legacy.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE understudy_loans SET us_lease = 1")


def test_leaving_gives_back_what_is_claimed_and_drops_the_side_table(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        short = settings(legacy, find=CLAIMED)
        legacy.claims(short)
        legacy.apply(range(1, 11))
        bank = Database("bank", short, tmp_path)
        assert len(Desk("here", short.tables["Score"], legacy.engine, None).claim(4).rows) == 4
        assert legacy.states() == {"NEW": 6, "MODEL": 4}
        with pytest.raises(Unfinished, match="4 rows are being worked on"):
            await bank.leave(0)
        end_leases(legacy)
        [said] = await bank.leave(10)
        assert "gave back 4" in said and legacy.states() == {"NEW": 10}
        assert not inspect(legacy.engine).has_table("understudy_loans")
        assert "nothing to do" in (await bank.leave(0))[0]
        await bank.close()

    asyncio.run(case())


def test_a_lease_that_has_ended_is_taken_over_and_its_writer_changes_nothing(legacy: Legacy) -> None:
    short = settings(legacy)
    legacy.claims(short)
    legacy.apply(range(1, 4))
    one, two = (Desk("here", short.tables["Score"], legacy.engine, None) for _ in range(2))
    first = one.claim(10)
    assert two.claim(10).rows == ()
    assert isinstance(one.ready(), SideTable)
    end_leases(legacy)
    second = two.claim(10)
    assert [row.attempts for row in second.rows] == [2, 2, 2]
    assert one.renew(first.token) == 0
    assert Endings(one).answer(first, Ended({row.key: {"decision": "R"} for row in first.rows})) == (0, [])
    assert Endings(two).answer(second, Ended({row.key: {"decision": "A"} for row in second.rows})) == (3, [])
    assert {row["decision"] for row in legacy.rows()} == {"A"} and legacy.side() == []


def test_a_persons_claims_are_erased_unless_they_would_come_again(legacy: Legacy, tmp_path: Path) -> None:
    """One row a person: answered, given up, gone, waiting; and somebody else's."""
    typed = settings(legacy, batch={"coexists": "view"}, claim={"attempts": 1})
    legacy.claims(typed)
    legacy.apply(range(1, 5), branch="hers")
    legacy.apply(range(5, 1205))
    desk = Desk("here", typed.tables["Score"], legacy.engine, None)
    taken = desk.claim_these([(n,) for n in range(1, 1205)])
    answers = {row.key: {"decision": "A"} for row in taken.rows if row.key not in ((2,), (4,))}
    Endings(desk).answer(taken, Ended(answers, failed={(2,): "bad"}))
    with legacy.engine.begin() as connection:
        connection.execute(loans.delete().where(loans.c.id == 3))

    def about(operation: str, row: Payload) -> tuple[int, int]:
        return int(str(row["branch"]).strip() == "hers"), 1

    async def case() -> None:
        bank = Database("bank", typed, tmp_path)
        erased = await bank.erase(about)
        assert erased.removed == ["Score: 1 claims removed from understudy_loans"]
        assert [one.partition(" rows ")[0] for one in erased.left] == ["Score: 2", "Score: 1"]
        assert (await bank.erase(about)).removed == ["Score: 0 claims removed from understudy_loans"]
        await bank.close()

    asyncio.run(case())
    assert [row["id"] for row in legacy.side()] == list(range(2, 1205))
