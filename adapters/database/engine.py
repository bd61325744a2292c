"""Connections to the legacy database, with time-outs on everything, and the one place where its errors are translated.

Nothing is opened until it is used.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, exc, make_url
from sqlalchemy.pool import QueuePool

from adapters.database.config import DatabaseSettings
from gateway.contract import ConfigError, UnderstudyError


class DatabaseDown(UnderstudyError):
    """The database does not answer, or not in time; nothing of the transaction was written."""


class Deadlocked(DatabaseDown):
    """The database has ended the transaction so that another one can go on; repeated, it may succeed at once."""


class RowRefused(UnderstudyError):
    """The database refuses what was written: too long, a check, a trigger. The text is the database's own."""


DRIVERS: Mapping[str, tuple[str, str]] = {
    "sqlite": ("sqlite", ""),
    "postgresql": ("postgresql+psycopg", "postgresql"),
    "mysql": ("mysql+pymysql", "mysql"),
    "mariadb": ("mariadb+pymysql", "mysql"),
    "oracle": ("oracle+oracledb", "oracle"),
    "mssql": ("mssql+pymssql", "mssql"),
    "db2": ("db2+ibm_db", "db2"),
}
"""By the URL's scheme: SQLAlchemy's driver, and the extra that installs it."""
_REFUSING = ("22", "23", "44", "P0")
"""Classes of SQLSTATE that are about the values: data, integrity, a view's check, a procedure's own error."""
_REFUSING_CODES = frozenset((1048, 1264, 1265, 1292, 1366, 1406, 1452, 1644, 3819, 4025))
"""The same in MySQL's numbers, where its driver does not tell them apart."""

_DEADLOCKS = frozenset((1213, 1205))
"""A deadlock in the numbers of MySQL, and of SQL Server, whose number is MySQL's for a wait that took too long."""


def connect(name: str, settings: DatabaseSettings, folder: Path) -> Engine:
    """An engine for a database; connects when first used. A relative SQLite path starts at `folder`.

    Raises ConfigError, which never shows the URL: it may hold a password."""
    where = f"adapters.{name}.url"
    try:
        url = make_url(settings.url.get_secret_value())
    except (exc.ArgumentError, ValueError):
        raise ConfigError(f"{where}: expected a URL such as postgresql://USER:PASSWORD@HOST/DATABASE") from None
    backend = url.get_backend_name()
    if backend not in DRIVERS:
        raise ConfigError(f"{where}: expected one of {', '.join(sorted(DRIVERS))}, not {backend!r}")
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError(f"{where}: SQLite needs a file, such as sqlite:///applications.db")
    driver, extra = DRIVERS[backend]
    url = url if "+" in url.drivername else url.set(drivername=driver)
    try:
        return _engine(url, backend, settings, folder)
    except (ModuleNotFoundError, exc.NoSuchModuleError):
        raise ConfigError(f"{where}: {backend} needs its driver: pip install 'understudy-gateway[{extra}]'") from None


def _engine(url: URL, backend: str, settings: DatabaseSettings, folder: Path) -> Engine:
    if backend == "sqlite":
        url = url.set(database=str((folder / str(url.database)).absolute()))
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=settings.budget.statements,
        max_overflow=0,
        pool_timeout=settings.statement_timeout,
        # A poller finds out by itself and tries again; a caller's query has one try only.
        pool_pre_ping=bool(settings.queries),
        connect_args=_ARGUMENTS.get(backend, _nothing)(settings),
        **({"isolation_level": "READ COMMITTED"} if backend in ("mysql", "mariadb", "mssql") else {}),
    )
    if backend == "sqlite":
        event.listen(engine, "connect", _by_hand)
        event.listen(engine, "begin", _begin)
    elif backend in _GREETINGS:
        event.listen(engine, "connect", _greeting(_GREETINGS[backend], settings))
    elif backend == "oracle":
        event.listen(engine, "connect", _call_timeout(settings))
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that reads. Raises DatabaseDown."""
    with translated(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes, committed at the end, rolled back on any error. Raises DatabaseDown, RowRefused."""
    if engine.dialect.name == "sqlite":
        engine = engine.execution_options(understudy_writes=True)
    with translated(), engine.begin() as connection:
        yield connection


@contextmanager
def driving(engine: Engine) -> Iterator[Connection]:
    """A connection for whoever speaks to the driver itself, given up on any error. Raises DatabaseDown, RowRefused."""
    with translated(), engine.connect() as connection:
        try:
            with driven(engine.dialect):
                yield connection
        except UnderstudyError:
            connection.invalidate()
            raise


@contextmanager
def driven(dialect: Dialect) -> Iterator[None]:
    """Turns the errors of a driver that is spoken to itself into ours."""
    try:
        yield
    except dialect.loaded_dbapi.Error as error:
        if isinstance(error, dialect.loaded_dbapi.DataError) or _about_values(error):
            raise RowRefused(f"{type(error).__name__}: {error}") from error
        raise _down(error) from error


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors into ours."""
    try:
        yield
    except exc.StatementError as error:
        if refused(error):
            raise RowRefused(f"{type(error.orig).__name__}: {error.orig}") from error
        raise _down(error.orig) from error
    except exc.TimeoutError as error:
        raise DatabaseDown("the database does not answer: no connection became free in time") from error
    except exc.SQLAlchemyError as error:
        raise _down(error) from error


def refused(error: exc.StatementError) -> bool:
    """Whether the error is about the values, so that the same transaction without them may succeed."""
    if not isinstance(error, exc.DBAPIError):
        return True  # a value that cannot even be bound as its column's type
    if error.connection_invalidated:
        return False
    if isinstance(error, exc.DataError | exc.IntegrityError):
        return True
    return _about_values(error.orig)


def _about_values(error: BaseException | None) -> bool:
    """The same of the driver's own error."""
    state = getattr(error, "sqlstate", None) or ""
    code = error.args[0] if error and error.args else None
    return state[:2] in _REFUSING or code in _REFUSING_CODES


def _down(error: BaseException | None) -> DatabaseDown:
    """What the driver's, or SQLAlchemy's, error about the database is in our words."""
    code = error.args[0] if error and error.args else None
    deadlock = getattr(error, "sqlstate", None) in ("40P01", "40001") or code in _DEADLOCKS
    kind = Deadlocked if deadlock else DatabaseDown
    return kind(f"the database does not do it: {type(error).__name__}: {error}")


def _nothing(settings: DatabaseSettings) -> dict[str, Any]:
    return {}


def _postgresql(settings: DatabaseSettings) -> dict[str, Any]:
    statement, lock = int(settings.statement_timeout * 1000), int(settings.lock_timeout * 1000)
    idle = f"-c idle_in_transaction_session_timeout={_idle(settings) * 1000}"
    return {
        "connect_timeout": max(2, int(settings.connect_timeout)),
        "tcp_user_timeout": statement,
        "application_name": "understudy",
        "options": f"-c statement_timeout={statement} -c lock_timeout={lock} {idle} -c timezone=UTC",
    }


def _idle(settings: DatabaseSettings) -> int:
    """Seconds after which a transaction of ours that waits for us is ended: whoever hangs in one lets go of its locks
    as soon as we give up waiting for anybody else's."""
    return max(1, int(settings.lock_timeout))


def _mysql(settings: DatabaseSettings) -> dict[str, Any]:
    patience = max(1, int(settings.statement_timeout + settings.lock_timeout))
    return {
        "connect_timeout": max(1, int(settings.connect_timeout)),
        "read_timeout": patience,
        "write_timeout": patience,
        "charset": "utf8mb4",
        "program_name": "understudy",
    }


_ARGUMENTS: Mapping[str, Callable[[DatabaseSettings], dict[str, Any]]] = {
    "sqlite": lambda settings: {"timeout": settings.lock_timeout, "check_same_thread": False},
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
    "oracle": lambda settings: {"tcp_connect_timeout": settings.connect_timeout},
    "mssql": lambda settings: {
        "login_timeout": max(1, int(settings.connect_timeout)),
        "timeout": max(1, int(settings.statement_timeout)),
        "appname": "understudy",
    },
}


def _lock_wait(settings: DatabaseSettings) -> str:
    # One is about rows, the other about whole tables: LOCK TABLES, ALTER TABLE.
    most = max(1, int(settings.lock_timeout))
    return f"SET SESSION innodb_lock_wait_timeout = {most}, lock_wait_timeout = {most}, time_zone = '+00:00'"


_GREETINGS: Mapping[str, Callable[[DatabaseSettings], str]] = {
    "mysql": _lock_wait,
    "mariadb": lambda settings: f"{_lock_wait(settings)}, idle_transaction_timeout = {_idle(settings)}",
    "mssql": lambda settings: f"SET LOCK_TIMEOUT {int(settings.lock_timeout * 1000)}",
    "db2": lambda settings: f"SET CURRENT LOCK TIMEOUT {max(1, int(settings.lock_timeout))}",
}
"""What a new connection is told first."""


def _greeting(words: Callable[[DatabaseSettings], str], settings: DatabaseSettings) -> Callable[[Any, Any], None]:
    def greet(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(words(settings))
        cursor.close()

    return greet


def _call_timeout(settings: DatabaseSettings) -> Callable[[Any, Any], None]:
    def limit(connection: Any, _: Any) -> None:
        connection.call_timeout = int(settings.statement_timeout * 1000)

    return limit


def _by_hand(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so


def _begin(connection: Connection) -> None:
    # A transaction that starts as a reader cannot wait its turn when it comes to write: SQLite refuses it at once.
    writes = connection.get_execution_options().get("understudy_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
