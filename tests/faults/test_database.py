"""Pollers killed, stopped and cut off in the middle of their work: every row has exactly one answer, whole and right.

What happened is read from a journal that the legacy database keeps itself, and never from the gateway's counters.
"""

import asyncio
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from structlog.testing import capture_logs

from gateway.lookout import Lookout
from gateway.store.holds import holds
from gateway.telemetry import Meters
from tests.faults.application import Application, Sampler, answered, keep_journal, legacy_engine, moment, wrongs
from tests.faults.polling import start
from tests.inprocess import running
from tests.integration.database.configured import adapter, config, settings
from tests.integration.database.conftest import legacy
from tests.integration.database.legacy_tables import Legacy, loans
from tests.load import until
from tests.mariadb import Mariadb
from tests.services import Postgresql

__all__ = ["legacy"]
CLAIM = {"lease": "2s", "attempts": 100}
PAUSE = {
    "postgresql": [
        "CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$",
        "CREATE TRIGGER pause BEFORE UPDATE ON loans FOR EACH ROW WHEN (NEW.id = 40 AND NEW.state = 'DONE')"
        " EXECUTE FUNCTION pause()",
    ],
    "mariadb": [
        "CREATE TRIGGER pause BEFORE UPDATE ON loans FOR EACH ROW"
        " IF NEW.id = 40 AND NEW.state = 'DONE' THEN DO SLEEP(1); END IF"
    ],
}
"""A second in the middle of a statement that answers."""
PATIENT = {"postgresql": "SET LOCAL lock_timeout = '15s'", "mariadb": "SET SESSION innodb_lock_wait_timeout = 15"}
COLUMNS = {"token": "us_token", "until": "us_until", "attempts": "us_attempts"}
SHORT, LONG = (3000, 4), (50_000, 20)


class Pollers:
    """Processes that poll one table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, count: int = 1) -> None:
        """Starts some more."""
        self.running += [start(self.folder) for _ in range(count)]

    def kill(self, which: int) -> None:
        """kill -9 of one."""
        one = self.running.pop(which)
        one.kill()
        one.wait()

    def log(self) -> str:
        """The end of what they said."""
        return (self.folder / "poller.log").read_text()[-3000:]


@contextmanager
def polling(legacy: Legacy, folder: Path, model: str = "slow", **table: object) -> Iterator[Pollers]:
    """Pollers of the legacy table with a model of tests.faults.polling, killed at the end."""
    folder.mkdir(exist_ok=True)
    values = {**adapter(legacy, **{"claim": CLAIM, **table}), "timeout": "5m"}
    written = config(values, model=model).replace(f"tests.models:{model}", f"tests.faults.polling:{model}")
    (folder / "understudy.yaml").write_text(written)
    pollers = Pollers(folder)
    try:
        yield pollers
    finally:
        for one in pollers.running:
            one.send_signal(signal.SIGCONT)
            one.kill()
            one.wait()


def prepared(legacy: Legacy) -> None:
    """The side table and the journal."""
    legacy.claims(settings(legacy, claim=CLAIM))
    keep_journal(legacy)


def claimed(legacy: Legacy) -> int:
    """How many rows somebody works on."""
    with legacy.engine.connect() as connection:
        found = connection.execute(text("SELECT COUNT(*) FROM understudy_loans WHERE us_state = 'run'"))
        return int(found.scalar_one())


@pytest.mark.parametrize("size", [SHORT, pytest.param(LONG, marks=pytest.mark.long)], ids=["short", "long"])
def test_kill_9_of_pollers_loses_and_doubles_no_answer(
    legacy: Legacy, tmp_path: Path, rng: random.Random, size: tuple[int, int]
) -> None:
    """Given four pollers and an application at work, when pollers are killed, then each row is answered once."""
    total, kills = size
    if legacy.engine.dialect.name == "sqlite":
        total = min(total, 5000)
    prepared(legacy)
    begun, held = time.monotonic(), []
    points = sorted(rng.randrange(total * 9 // 10) for _ in range(kills))
    with polling(legacy, tmp_path / "gateway", size=200) as pollers:
        pollers.start(4)
        with Application(legacy, total, rng.randrange(2**32)) as application, Sampler(legacy) as sampler:
            for point in points:
                until(lambda point=point: answered(legacy) > point, pollers.log())  # type: ignore[misc]
                moment(rng)
                pollers.kill(rng.randrange(4))
                held.append(claimed(legacy))
                pollers.start()
            until(lambda: answered(legacy) >= total or application.failures, pollers.log())
            until(lambda: claimed(legacy) == 0, pollers.log())
    print(f"{total} rows, {kills} kills, {held} rows claimed just after each, {time.monotonic() - begun:.0f} s;"
          f" {application.updates} updates and {application.late} late commits of the application,"
          f" {len(sampler.seen)} statements seen waiting for us in {sampler.looks} looks, {len(sampler.idle)} of them"
          " while we were between two statements")  # fmt: skip
    assert application.failures == []
    assert wrongs(legacy) == {}
    assert max(held) > 0, "a kill must have left claims behind"
    assert application.updates > 10
    assert sampler.held() == []
    assert len(sampler.seen) <= application.updates / 20, "one update of 20 at most, as if by chance"


@pytest.mark.parametrize("claim", [{}, {"columns": COLUMNS}], ids=["side table", "columns"])
def test_who_wakes_after_its_lease_changes_nothing(legacy: Legacy, tmp_path: Path, claim: dict[str, object]) -> None:
    """Given a poller that is stopped while its model works, when another has its rows, then it writes nothing there."""
    prepared(legacy)
    with legacy.engine.begin() as connection:
        for kind in ("us_token VARCHAR(32)", "us_until BIGINT", "us_attempts INTEGER") if claim else ():
            connection.exec_driver_sql(f"ALTER TABLE loans ADD COLUMN {kind}")
    legacy.apply(range(1, 41), amount=10)
    a, b = tmp_path / "a", tmp_path / "b"
    with (
        polling(legacy, a, "stern", claim={**CLAIM, **claim}) as sleeper,
        polling(legacy, b, "late", claim={**claim, "lease": "10m"}) as other,
    ):
        sleeper.start()
        until((a / "asked").exists, sleeper.log())
        sleeper.running[0].send_signal(signal.SIGSTOP)
        other.start()
        until((b / "asked").exists, other.log())  # so the other one has them, and goes on having them
        legacy.apply([1000])
        (a / "go").touch()
        sleeper.running[0].send_signal(signal.SIGCONT)
        until(lambda: legacy.states().get("DONE"), sleeper.log())  # it has written what it had, and gone on
        rows = legacy.rows()
        assert {(row["state"], row["decision"], row["score"]) for row in rows[:40]} == {("NEW", None, None)}
        assert (rows[40]["decision"], answered(legacy)) == ("R", 1)
        (b / "go").touch()
        until(lambda: legacy.states() == {"DONE": 41}, other.log())
    assert {row["decision"] for row in legacy.rows()[:40]} == {"A"}
    assert answered(legacy) == 41


@pytest.mark.parametrize("legacy", ["postgresql", "mariadb"], indirect=True)
def test_who_is_stopped_while_it_writes_lets_go_of_the_rows(legacy: Legacy, tmp_path: Path) -> None:
    """Given a poller that is stopped with rows written and not committed, then the database ends its transaction: the
    application, which waits for one of these rows, goes on. On PostgreSQL writing and committing are one message, so
    the rows are answered; elsewhere the poller answers them when it is awake again."""
    prepared(legacy)
    with legacy.engine.begin() as connection:
        for statement in PAUSE[legacy.engine.dialect.name]:
            connection.exec_driver_sql(statement)
    legacy.apply(range(1, 41), amount=10)
    engine = legacy_engine(legacy)
    with polling(legacy, tmp_path / "gateway") as pollers:
        pollers.start()
        until(lambda: _pausing(legacy), pollers.log())
        pollers.running[0].send_signal(signal.SIGSTOP)
        until(lambda: not _pausing(legacy), "the statement to end, and no other to come")
        with engine.begin() as application:
            application.exec_driver_sql(PATIENT[legacy.engine.dialect.name])
            application.execute(update(loans).where(loans.c.id == 7).values(note="mine"))
        assert legacy.states() == {"DONE" if legacy.engine.dialect.name == "postgresql" else "NEW": 40}
        pollers.running[0].send_signal(signal.SIGCONT)
        until(lambda: legacy.states() == {"DONE": 40}, pollers.log())
    engine.dispose()
    assert answered(legacy) == 40 and legacy.rows()[6]["note"] == "mine"


def _pausing(legacy: Legacy) -> bool:
    """Whether a statement of the gateway is in the pause that the trigger makes."""
    query = {"postgresql": "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
             "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep'"}  # fmt: skip
    with legacy.engine.connect() as connection:
        return bool(connection.execute(text(query[legacy.engine.dialect.name])).scalar_one())


@pytest.mark.parametrize("legacy", ["postgresql", "mariadb"], indirect=True)
def test_a_crash_of_the_server_is_outlived(
    legacy: Legacy, tmp_path: Path, rng: random.Random, request: pytest.FixtureRequest
) -> None:
    """Given two pollers at work, when the server ends as in a crash and starts again, then they carry on."""
    server: Postgresql | Mariadb = request.getfixturevalue(f"{legacy.engine.dialect.name}_server")
    prepared(legacy)
    with Application(legacy, 2000, rng.randrange(2**32)) as application:
        until(lambda: _count(legacy) == 2000 or application.failures, "the application to insert")
    with polling(legacy, tmp_path / "gateway") as pollers:
        pollers.start(2)
        until(lambda: answered(legacy) > 200, pollers.log())
        moment(rng)
        server.restart()
        legacy.engine.dispose()
        before = answered(legacy)
        until(lambda: answered(legacy) >= 2000, pollers.log())
        until(lambda: claimed(legacy) == 0, pollers.log())
    assert before < 2000, "it came too late"
    assert application.failures == [] and wrongs(legacy) == {}


def _count(legacy: Legacy) -> int:
    with legacy.engine.connect() as connection:
        return int(connection.execute(text("SELECT COUNT(*) FROM loans")).scalar_one())


@pytest.mark.parametrize("legacy", ["postgresql", "mariadb"], indirect=True)
def test_a_table_that_somebody_locks_is_waited_for_no_longer_than_allowed(legacy: Legacy, tmp_path: Path) -> None:
    """Given a locked table, then it is the lock's time-out, and neither a statement's nor a reader's, that ends the
    wait of the gateway, which says so; once the table is free, all is done."""
    prepared(legacy)
    values = {**adapter(legacy, claim=CLAIM), "lock_timeout": "1s", "statement_timeout": "5m"}
    ended = {"postgresql": "canceling statement due to lock timeout", "mariadb": "Lock wait timeout exceeded"}
    lock = {"postgresql": "LOCK TABLE loans IN ACCESS EXCLUSIVE MODE", "mariadb": "LOCK TABLES loans WRITE"}

    async def case() -> None:
        async with running(config(values), tmp_path) as gateway:
            legacy.apply(range(1, 11))
            await gateway.until(lambda: legacy.states() == {"DONE": 10})
            engine = legacy_engine(legacy)
            with engine.connect() as locker:
                locker.exec_driver_sql(lock[legacy.engine.dialect.name])
                rows = [{"id": n, "branch": "B", "amount": 10, "state": "NEW"} for n in range(100, 200)]
                locker.execute(loans.insert(), rows)
                await gateway.until(lambda: any(one["event"] == "database_down" for one in said))
                [down] = [one["reason"] for one in said if one["event"] == "database_down"]
                assert ended[legacy.engine.dialect.name] in down
                done = locker.execute(select(loans.c.id).where(loans.c.state == "DONE")).all()
                assert len(done) == 10
                locker.commit()
                if legacy.engine.dialect.name == "mariadb":
                    locker.exec_driver_sql("UNLOCK TABLES")
            engine.dispose()
            await gateway.until(lambda: legacy.states() == {"DONE": 110})
        assert answered(legacy) == 110 and legacy.side() == []

    with capture_logs() as said:
        asyncio.run(case())


BATCH = {"coexists": "view", "verify": "100ms"}
BESIDE = {"answer": {"table": "opinions", "key": {"id": "loan"}}, "refusal": None}


def over(legacy: Legacy, ids: range) -> None:
    """A batch that writes its answers over ours."""
    with legacy.engine.begin() as connection:
        done = connection.execute(update(loans).where(loans.c.id.in_(ids)).values(decision="R", score=1, note="batch"))
        assert done.rowcount == len(ids)


def beside(legacy: Legacy, ids: range) -> None:
    """A batch that adds its answers to ours: nothing keeps a key from having two."""
    with legacy.engine.begin() as connection:
        rows = [{"loan": n} for n in ids]
        connection.execute(text("INSERT INTO opinions (loan, decision, score) VALUES (:loan, 'R', 1)"), rows)


@pytest.mark.parametrize("legacy", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.parametrize(
    ("word", "again", "table"),
    [("overwritten", over, {}), ("doubled", beside, BESIDE)],
    ids=["over ours", "beside ours"],
)
def test_a_batch_that_ignores_our_claims_trips_the_guard(
    legacy: Legacy, tmp_path: Path, word: str, again: Callable[[Legacy, range], None], table: dict[str, object]
) -> None:
    """Given a limit on answers that are written over or doubled, when the batch answers our rows again, then each such
    row is counted once, by ledger and metrics, the route is held, and new rows are left to the batch."""
    with legacy.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE opinions (loan INTEGER, decision VARCHAR(1), score NUMERIC(7, 1))")
    legacy.claims(settings(legacy, batch=BATCH, **table))
    guarded = config(adapter(legacy, batch=BATCH, **table)).replace(
        "    compare:", f'    guard: {{counters: {{"noticed:{word}": 5}}}}\n    compare:'
    )

    async def case() -> None:
        async with running(guarded, tmp_path) as gateway:

            def looked() -> bool:
                Lookout(gateway.engine, Meters()).look(gateway.dispatch.table)
                return bool(holds(gateway.engine))

            legacy.apply(range(1, 41), amount=10)
            await gateway.until(lambda: legacy.states() == {"DONE": 40})
            await gateway.until(lambda: gateway.ledger("loan")["seen"] == 40)
            assert not await asyncio.to_thread(looked)
            again(legacy, range(1, 16))
            await gateway.until(lambda: gateway.ledger("loan")[f"noticed:{word}"] >= 15)
            await gateway.until(lambda: len(legacy.side()) == 25)  # what was noticed is not looked at again
            assert {t: n for t, n in gateway.ledger("loan").items() if t.startswith("noticed")} == {
                f"noticed:{word}": 15
            }
            counted = gateway.meters.registry.get_sample_value(
                "understudy_adapter_events_total", {"source": "bank", "operation": "Score", "event": word}
            )
            assert counted == 15
            assert await asyncio.to_thread(looked)
            [held] = holds(gateway.engine)
            assert (held.scope, held.kind) == ("loan", "guard") and f"noticed:{word}" in held.reason
            gateway.look_at_caps()
            legacy.apply(range(101, 121), amount=10)
            await gateway.until(lambda: gateway.ledger("loan")["pending"] == 20)
            assert legacy.states() == {"DONE": 40, "NEW": 20}

    asyncio.run(case())
