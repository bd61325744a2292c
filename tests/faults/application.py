"""The legacy application at work on its table while the gateway shares it, and whoever looks on from outside.

The journal is a trigger of the database itself: what was done to a row stands there, whoever did it. The sampler asks
the database who waits for whom. Neither knows anything of the gateway's counters.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, create_engine, exc, insert, select, text, update

from tests.integration.database.legacy_tables import Legacy, loans

_CHANGED = "NEW.state {0} OLD.state {1} NEW.decision {0} OLD.decision {1} NEW.score {0} OLD.score"
_VALUES = "NEW.id, OLD.state, NEW.state, NEW.decision, NEW.score"
_TRIGGERS = {
    "postgresql": [
        "CREATE FUNCTION journal() RETURNS trigger LANGUAGE plpgsql AS"  # noqa: S608
        f" $$ BEGIN INSERT INTO journal VALUES ({_VALUES}); RETURN NEW; END $$",
        f"CREATE TRIGGER journal AFTER UPDATE ON loans FOR EACH ROW"
        f" WHEN ({_CHANGED.format('IS DISTINCT FROM', 'OR')}) EXECUTE FUNCTION journal()",
    ],
    "mariadb": [
        f"CREATE TRIGGER journal AFTER UPDATE ON loans FOR EACH ROW"  # noqa: S608
        f" INSERT INTO journal SELECT {_VALUES} FROM dual WHERE NOT ({_CHANGED.format('<=>', 'AND')})"
    ],
    "sqlite": [
        f"CREATE TRIGGER journal AFTER UPDATE ON loans WHEN {_CHANGED.format('IS NOT', 'OR')}"  # noqa: S608
        f" BEGIN INSERT INTO journal VALUES ({_VALUES}); END"
    ],
}
_WAITING = {
    "postgresql": "SELECT a.pid, a.query_start::text, bool_or(b.state LIKE 'idle in transaction%')"
    " FROM pg_stat_activity a JOIN pg_stat_activity b ON b.pid = ANY (pg_blocking_pids(a.pid))"
    " WHERE a.application_name = 'legacy' AND a.wait_event_type = 'Lock' AND b.application_name <> 'legacy'"
    " GROUP BY a.pid, a.query_start",
    "mariadb": "SELECT r.trx_mysql_thread_id, r.trx_wait_started, b.trx_query IS NULL"
    " FROM information_schema.innodb_lock_waits w"
    " JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id"
    " JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id"
    " WHERE r.trx_mysql_thread_id IN (SELECT id FROM legacy_connections)"
    " AND b.trx_mysql_thread_id NOT IN (SELECT id FROM legacy_connections)",
}
"""Statements of the application that wait for somebody else's lock, and whether that one is between two statements."""
_PAUSES = {"postgresql": 0.005, "mariadb": 0.2}
"""Seconds between two looks: what MariaDB tells is up to 0.1 s old."""


def keep_journal(legacy: Legacy) -> None:
    """Has the database note each change of a row's state or answer; and gives the table the index that it needs."""
    with legacy.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE journal (loan INTEGER, was VARCHAR(10), state VARCHAR(10), decision VARCHAR(1),"
            " score NUMERIC(7, 1))"
        )
        connection.exec_driver_sql("CREATE TABLE legacy_connections (id BIGINT)")
        connection.exec_driver_sql("CREATE INDEX loans_state ON loans (state, id)")
        for statement in _TRIGGERS[legacy.engine.dialect.name]:
            connection.exec_driver_sql(statement)


def answered(legacy: Legacy) -> int:
    """How many answers the journal has."""
    with legacy.engine.connect() as connection:
        return int(connection.execute(text("SELECT COUNT(*) FROM journal")).scalar_one())


def wrongs(legacy: Legacy) -> dict[str, int]:
    """What is not as it must be: each row answered once, from NEW to DONE, status and right answer in one step."""
    right = "state = 'DONE' AND score = 1000 - {0} * 0.5 AND decision = CASE WHEN {0} < 1000 THEN 'A' ELSE 'R' END"
    questions = {
        "missed": "SELECT COUNT(*) FROM loans WHERE id NOT IN (SELECT loan FROM journal)",
        "twice": "SELECT COUNT(*) FROM (SELECT loan FROM journal GROUP BY loan HAVING COUNT(*) > 1) AS more",
        "half or wrong": "SELECT COUNT(*) FROM journal WHERE NOT COALESCE(was = 'NEW' AND "  # noqa: S608
        f"{right.format('(loan % 1800 + 10)')}, FALSE)",
        "changed since": f"SELECT COUNT(*) FROM loans WHERE NOT COALESCE({right.format('amount')}, FALSE)",  # noqa: S608
        "claims left": "SELECT COUNT(*) FROM understudy_loans",
    }
    with legacy.engine.connect() as connection:
        found = {what: int(connection.execute(text(query)).scalar_one()) for what, query in questions.items()}
    return {what: count for what, count in found.items() if count}


@dataclass
class Application:
    """Inserts rows out of order, some committed late, and changes rows that are there, as fast as it is let."""

    legacy: Legacy
    total: int
    seed: int
    failures: list[str] = field(default_factory=list)
    updates: int = 0
    late: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _there: list[int] = field(default_factory=list)

    def __enter__(self) -> "Application":
        self.engine = legacy_engine(self.legacy)
        self._threads = [threading.Thread(target=self._guarded, args=(one,)) for one in (self._insert, self._update)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.engine.dispose()

    def _guarded(self, work: Callable[[random.Random], None]) -> None:
        try:
            work(random.Random(self.seed))
        except exc.SQLAlchemyError as error:
            self.failures.append(str(error))

    def _insert(self, rng: random.Random) -> None:
        ids = list(range(1, self.total + 1))
        for at in range(0, self.total, 500):  # within 500, as numbers come from a sequence
            ids[at : at + 500] = rng.sample(ids[at : at + 500], len(ids[at : at + 500]))
        open_: list[tuple[Connection, list[int]]] = []
        single = self.engine.dialect.name == "sqlite"  # one writer at a time
        while (ids or open_) and not self._stop.is_set():
            if ids and len(open_) < 3:
                some, ids = ids[: (size := rng.randint(1, 100))], ids[size:]
                connection = self.engine.connect()
                connection.execute(insert(loans), [_row(n) for n in some])
                open_.append((connection, some))
            if single or not ids or len(open_) == 3 or rng.random() < 0.7:
                which = rng.randrange(len(open_))
                self.late += which < len(open_) - 1
                connection, some = open_.pop(which)
                connection.commit()
                connection.close()
                self._there += some

    def _update(self, rng: random.Random) -> None:
        while not self._stop.wait(0.005):
            if self._there:
                with self.engine.begin() as connection:
                    one = self._waits(connection, rng) or rng.choice(self._there)
                    done = connection.execute(update(loans).where(loans.c.id == one).values(note=f"{self.updates}"))
                    assert done.rowcount == 1
                    self.updates += 1

    def _waits(self, connection: Connection, rng: random.Random) -> int | None:
        """A row that is about to be answered, if there is one: who meets anybody meets him there."""
        waiting = select(loans.c.id).where(loans.c.state == "NEW").order_by(loans.c.id).limit(1)
        return connection.execute(waiting.offset(rng.randrange(400))).scalar()


def _row(n: int) -> dict[str, object]:
    return {"id": n, "branch": "B", "amount": n % 1800 + 10, "state": "NEW"}


def legacy_engine(legacy: Legacy) -> Engine:
    """Connections that the sampler knows as the application's."""
    dialect = legacy.engine.dialect.name
    arguments = {"postgresql": {"application_name": "legacy"}, "sqlite": {"timeout": 60}}.get(dialect, {})
    engine = create_engine(legacy.url, connect_args=arguments, pool_size=5, max_overflow=0)
    if dialect == "mariadb":
        with engine.begin() as known, engine.begin() as two, engine.begin() as three, engine.begin() as four:
            for one in (known, two, three, four):
                one.exec_driver_sql("INSERT INTO legacy_connections VALUES (CONNECTION_ID())")
    return engine


@dataclass
class Sampler:
    """Looks all the time whether a statement of the application waits for a lock of somebody else's."""

    legacy: Legacy
    looks: int = 0
    seen: Counter[tuple[object, ...]] = field(default_factory=Counter)
    """How often each waiting statement was seen."""
    idle: list[tuple[object, ...]] = field(default_factory=list)
    """Those that waited for somebody who was not even executing a statement."""
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Sampler":
        self._thread = threading.Thread(target=self._look)
        if self.legacy.engine.dialect.name in _WAITING:  # SQLite has no such view, and one writer at a time
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.ident:
            self._thread.join()

    def _look(self) -> None:
        dialect = self.legacy.engine.dialect.name
        query = text(_WAITING[dialect])
        with self.legacy.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not self._stop.wait(_PAUSES[dialect]):
                self.looks += 1
                for *statement, idle in connection.execute(query):
                    self.seen[tuple(statement)] += 1
                    self.idle += [tuple(statement)] if idle else []

    def held(self) -> list[tuple[object, ...]]:
        """The statements that waited for longer than they had to: on PostgreSQL for anybody who was not executing one,
        elsewhere in three looks, which is longer than a transaction takes that writes, on a busy machine too."""
        if self.legacy.engine.dialect.name == "postgresql":
            return self.idle
        return [one for one, times in self.seen.items() if times > 2]


def moment(rng: random.Random) -> None:
    """Lets a random moment pass, so that a kill comes anywhere."""
    time.sleep(rng.random() * 0.05)
