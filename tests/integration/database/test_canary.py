"""Rows shared with the old batch: by cohort, by status, by view, by the hour; and what it does to our answers."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import update

from adapters.database import poller
from adapters.database.schedule import utc
from adapters.database.watch import Watch
from gateway.cutover import in_cohort
from gateway.store import queries
from gateway.store.holds import hold
from tests.inprocess import InProcess, running
from tests.integration.database.configured import BATCH, STATUS, adapter, config, settings
from tests.integration.database.legacy_tables import Legacy, loans

CLAIMED = {"status": {**STATUS["status"], "claimed": "MODEL"}}


def cohort(ids: range, percent: int) -> set[int]:
    return {n for n in ids if in_cohort("loan", str(n), Decimal(percent))}


async def answered(gateway: InProcess, legacy: Legacy, count: int) -> None:
    await gateway.until(lambda: legacy.states().get("DONE") == count)


def test_the_cohorts_rows_are_answered_and_the_rest_is_watched_until_the_batch_comes(
    legacy: Legacy, tmp_path: Path
) -> None:
    async def case() -> None:
        legacy.claims(settings(legacy, batch=BATCH))
        legacy.apply(range(1, 401), amount=10)
        ours = cohort(range(1, 401), 10)
        async with running(config(adapter(legacy, batch=BATCH), "canary", 10), tmp_path) as gateway:
            await answered(gateway, legacy, len(ours))
            await gateway.until(lambda: gateway.ledger("loan")["pending"] == 400 - len(ours))
            assert {row["id"] for row in legacy.rows() if row["state"] == "DONE"} == ours
            assert {row["us_state"] for row in legacy.side()} == {"done"}, "remembered, to be looked at again"
            legacy.batch()
            await gateway.until(lambda: gateway.ledger("loan")["compared"] == 400 - len(ours))
            assert {row["id"] for row in legacy.rows() if row["note"] is None} == ours
        ledger = queries.ledger(gateway.engine, "loan")
        assert ledger["seen"] == 400 and queries.balance(ledger) == 0
        assert not any(term.startswith("noticed") for term in ledger)

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["postgresql"], indirect=True)
def test_one_percent_is_found_among_many_that_stay_and_nothing_is_read_again_and_again(
    legacy: Legacy, tmp_path: Path
) -> None:
    async def case() -> None:
        values = adapter(legacy, batch=BATCH, size=100)
        values["poll"]["reconcile"] = "1h"
        legacy.claims(settings(legacy, batch=BATCH))
        legacy.apply(range(1, 1501), amount=10)
        ours = cohort(range(1, 1501), 1)
        async with running(config(values, "canary", 1), tmp_path) as gateway:
            read: list[int] = []
            page = Watch.page

            def counting(watch: Watch, limit: int) -> object:
                found = page(watch, limit)
                read.append(found[1])
                return found

            Watch.page = counting  # type: ignore[method-assign,assignment]  # it looks on, and changes nothing
            try:
                await answered(gateway, legacy, len(ours))
                await gateway.until(lambda: gateway.ledger("loan")["pending"] == 1500 - len(ours))
                assert sum(read) <= 1500
            finally:
                Watch.page = page  # type: ignore[method-assign]  # as it was
        assert len(ours) > 5

    asyncio.run(case())


def test_a_status_keeps_the_batch_off_and_failed_rows_are_given_back(legacy: Legacy, tmp_path: Path) -> None:
    batch = {"coexists": "skips_status"}

    async def case() -> None:
        values = {"batch": batch, "find": CLAIMED, "claim": {"attempts": 1}}
        legacy.claims(settings(legacy, **values))
        legacy.apply(range(1, 31), amount=10)
        legacy.apply([900], amount=-5)  # the model cannot score it
        async with running(config(adapter(legacy, **values)), tmp_path) as gateway:
            await gateway.until(lambda: legacy.states() == {"DONE": 30, "NEW": 1})
        left = [row for row in legacy.side() if row["us_state"] == "left"]
        assert [row["id"] for row in left] == [900] and left[0]["us_attempts"] == 1
        assert legacy.batch() == 1

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_a_hold_gives_everything_to_the_batch_at_once(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        legacy.claims(settings(legacy, batch=BATCH))
        async with running(config(adapter(legacy, batch=BATCH)), tmp_path) as gateway:
            legacy.apply(range(1, 11), amount=10)
            await answered(gateway, legacy, 10)
            hold(gateway.engine, "loan", "a test", "ada")
            gateway.look_at_caps()
            legacy.apply(range(11, 31), amount=10)
            await gateway.until(lambda: gateway.ledger("loan")["pending"] == 20)
            assert legacy.states() == {"DONE": 10, "NEW": 20}

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_nothing_is_claimed_in_the_batches_window(legacy: Legacy, tmp_path: Path) -> None:
    now = utc()
    around = {"from": f"{now - timedelta(minutes=5):%H:%M}", "to": f"{now + timedelta(minutes=5):%H:%M}"}
    later = {"from": f"{now + timedelta(hours=3):%H:%M}", "to": f"{now + timedelta(hours=4):%H:%M}"}

    async def case() -> None:
        values = {"batch": {"coexists": "window", "window": around}}
        legacy.claims(settings(legacy, **values))
        legacy.apply(range(1, 11), amount=10)
        async with running(config(adapter(legacy, **values)), tmp_path) as gateway:
            await asyncio.sleep(0.3)  # nothing may happen, for which nothing can be waited
            assert legacy.states() == {"NEW": 10} and gateway.ledger("loan")["seen"] == 0
        values = {"batch": {"coexists": "window", "window": later}}
        async with running(config(adapter(legacy, **values)), tmp_path) as gateway:
            await answered(gateway, legacy, 10)

    asyncio.run(case())


def test_a_batch_that_writes_over_our_answers_is_noticed_and_counted(legacy: Legacy, tmp_path: Path) -> None:
    batch = {"coexists": "view", "verify": "100ms"}

    async def case() -> None:
        legacy.claims(settings(legacy, batch=batch))
        legacy.apply(range(1, 41), amount=10)
        async with running(config(adapter(legacy, batch=batch)), tmp_path) as gateway:
            await answered(gateway, legacy, 40)
            with legacy.engine.begin() as connection:
                wrong = {"decision": "R", "score": 1, "note": "batch"}
                connection.execute(update(loans).where(loans.c.id <= 15).values(wrong))
            await gateway.until(lambda: gateway.ledger("loan")["noticed:overwritten"] == 15)
            assert queries.balance(queries.ledger(gateway.engine, "loan")) == 0
        assert {row["id"] for row in legacy.side()} == set(range(16, 41))

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["sqlite", "postgresql"], indirect=True)
def test_what_has_failed_is_given_back_at_its_moment_and_nothing_more_is_claimed(
    legacy: Legacy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is the test's own: a minute before, a minute after."""
    clock = [datetime(2004, 7, 1, 21, 44, tzinfo=UTC)]
    monkeypatch.setattr(poller, "utc", lambda: clock[0])
    window = {"from": "22:00", "to": "04:00"}
    values = {
        "find": {"status": {**CLAIMED["status"], "claimed": "OURS"}},
        "batch": {"coexists": "skips_status", "window": window, "release_before": "21:45"},
    }

    async def case() -> None:
        legacy.claims(settings(legacy, **values))
        legacy.apply(range(1, 11), amount=10)
        legacy.apply([900], amount=-5)  # the model cannot score it, however often
        async with running(config(adapter(legacy, **values)), tmp_path) as gateway:
            await gateway.until(lambda: legacy.states() == {"DONE": 10, "OURS": 1})
            clock[0] = datetime(2004, 7, 1, 21, 46, tzinfo=UTC)
            await gateway.until(lambda: legacy.states() == {"DONE": 10, "NEW": 1})
            legacy.apply(range(11, 21), amount=10)
            clock[0] = datetime(2004, 7, 2, 3, 59, tzinfo=UTC)
            await asyncio.sleep(0.3)  # nothing may happen, for which nothing can be waited
            assert legacy.states() == {"DONE": 10, "NEW": 11}
            clock[0] = datetime(2004, 7, 2, 4, 0, tzinfo=UTC)
            await answered(gateway, legacy, 20)
        assert {row["id"]: row["us_state"] for row in legacy.side()}[900] == "left"

    asyncio.run(case())


TAKING = {
    "sqlite": "CREATE TRIGGER quick AFTER INSERT ON understudy_loans WHEN NEW.id <= 5"
    " BEGIN UPDATE loans SET state = 'DONE', decision = 'R' WHERE id = NEW.id; END",
    "mariadb": "CREATE TRIGGER quick AFTER INSERT ON understudy_loans FOR EACH ROW"
    " UPDATE loans SET state = 'DONE', decision = 'R' WHERE id = NEW.id AND NEW.id <= 5",
}
"""A batch that answers rows as soon as we have claimed them."""


@pytest.mark.parametrize("legacy", ["sqlite", "mariadb"], indirect=True)
def test_a_row_that_the_batch_answers_after_our_claim_keeps_its_answer_and_is_counted(
    legacy: Legacy, tmp_path: Path
) -> None:
    async def case() -> None:
        legacy.claims(settings(legacy, batch=BATCH))
        with legacy.engine.begin() as connection:
            connection.exec_driver_sql(TAKING[legacy.engine.dialect.name])
        legacy.apply(range(1, 41), amount=10)
        async with running(config(adapter(legacy, batch=BATCH)), tmp_path) as gateway:
            await answered(gateway, legacy, 40)
            await gateway.until(lambda: gateway.ledger("loan")["noticed:taken"] == 5)
        assert {row["id"] for row in legacy.rows() if row["decision"] == "R"} == set(range(1, 6))

    asyncio.run(case())
