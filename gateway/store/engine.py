"""Connections to the store, SQLite or PostgreSQL, and the one place where their errors are translated.

Nothing is opened until it is used, so a process can start without its store.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url, text
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from gateway.contract import ConfigError
from gateway.store.model import StoreDown

BUSY = 5.0
"""Seconds to wait for another writer."""
STATEMENT = 10.0
"""Seconds that one statement may take on PostgreSQL."""


def connect(url: str, folder: Path, *, create: bool = False, patience: float | None = None) -> Engine:
    """An engine for the store; connects when first used. A relative SQLite path starts at `folder`.

    Only the migration creates a SQLite file: elsewhere one that is missing or replaced is a store that is down, so
    that records never go into a file that nobody reads. `patience` is the seconds a statement and a lock may take.
    Raises ConfigError."""
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(_path(parsed, folder), create, BUSY if patience is None else patience)
    return _postgresql(parsed, STATEMENT if patience is None else patience)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that reads. Raises StoreDown."""
    with _translated(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine, lock: str | None = None) -> Iterator[Connection]:
    """A transaction that writes, committed at the end, rolled back on any error. Raises StoreDown.

    `lock` names what only one transaction may do at a time, over all processes and hosts."""
    with _translated(), engine.execution_options(understudy_writes=True).begin() as connection:
        if lock is not None and connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": lock})
        yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (exc.IntegrityError, exc.DataError):
        raise  # a defect of ours, not a store that is down
    except exc.DBAPIError as error:
        raise StoreDown(f"the store does not answer: {error.orig}") from error
    except exc.TimeoutError as error:
        raise StoreDown("the store does not answer: no connection became free in time") from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        # The text may hold a password, so it is not repeated.
        raise ConfigError("store: expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE") from None
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ConfigError(f"store: expected sqlite or postgresql, not {backend!r}")
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ConfigError("store: SQLite needs a file, such as sqlite:///.understudy/understudy.db: processes share it")
    return parsed


def _path(parsed: URL, folder: Path) -> Path:
    return (folder / str(parsed.database)).absolute()


def _sqlite(path: Path, create: bool, patience: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        creator=_opener(path, create, patience),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=4,
        pool_timeout=patience,
    )
    event.listen(engine, "begin", _begin)
    event.listen(engine, "checkout", _same_file(path))
    return engine


def _opener(path: Path, create: bool, patience: float) -> Callable[[], sqlite3.Connection]:
    address = f"{path.as_uri()}?mode={'rwc' if create else 'rw'}"

    def opened() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, uri=True, timeout=patience, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    return opened


def _begin(connection: Connection) -> None:
    # A transaction that starts as a reader cannot wait its turn when it comes to write: SQLite refuses it at once.
    writes = connection.get_execution_options().get("understudy_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _same_file(path: Path) -> Callable[[Any, ConnectionPoolEntry, Any], None]:
    def check(_: Any, entry: ConnectionPoolEntry, __: Any) -> None:
        try:
            found = path.stat().st_ino
        except OSError:
            raise exc.DisconnectionError("the file is gone") from None
        if entry.info.setdefault("file", found) != found:
            raise exc.DisconnectionError("the file was replaced")

    return check


def _postgresql(parsed: URL, patience: float) -> Engine:
    milliseconds = int(patience * 1000)
    try:
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            pool_size=2,
            max_overflow=4,
            pool_timeout=BUSY,
            connect_args={
                "connect_timeout": 2,
                "tcp_user_timeout": milliseconds,
                "application_name": "understudy",
                "options": f"-c statement_timeout={milliseconds} -c timezone=UTC",
            },
        )
    except ModuleNotFoundError:
        raise ConfigError("store: PostgreSQL needs its driver: pip install 'understudy-gateway[postgresql]'") from None
