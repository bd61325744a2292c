"""Removes one person from the store, in bounded steps, so that writers are never kept waiting for long."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

from sqlalchemy import Connection, Engine, delete, func, select

from gateway.store import joins, tables, upsert
from gateway.store.engine import reading, writing
from gateway.store.joins import CLOSED, OPEN
from gateway.store.model import NOT_OBSERVABLE, Pending

ERASED = f"{NOT_OBSERVABLE}:erased"
"""What a call becomes whose answer was still awaited."""
_STEP = 20_000
"""Records looked at in one transaction: there is no index on keys, which every call would have to pay for."""
_WAITING = 200
_REPLICA = "erasure"


def erase(engine: Engine, route: str, key: bytes, about: Callable[[Pending], bool]) -> Mapping[str, int]:
    """Removes the records and the evidence under this HMAC, and the waiting calls that `about` knows; returns how many
    of each. The ledger goes on balancing. Raises StoreDown, and can then be run again."""
    removed = Counter({"records": 0, "evidence": 0, "waiting calls": 0})
    for first in _steps(engine):
        with writing(engine) as connection:
            removed["records"] += _records(connection, route, key, first)
    with writing(engine) as connection:
        epochs = select(tables.epoch.c.id).where(tables.epoch.c.route == route)
        mine = (tables.evidence.c.key == key) & tables.evidence.c.epoch.in_(epochs)
        removed["evidence"] = connection.execute(delete(tables.evidence).where(mine)).rowcount
    removed["waiting calls"] = _waiting(engine, route, about)
    _scrub(engine)
    return removed


def forget(engine: Engine, scopes: Collection[str]) -> int:
    """Removes every stored reply of these scopes; returns how many. Raises StoreDown."""
    with writing(engine) as connection:
        return connection.execute(delete(tables.value).where(tables.value.c.scope.in_(scopes))).rowcount


def _steps(engine: Engine) -> Iterator[int]:
    with reading(engine) as connection:
        first, last = connection.execute(select(func.min(tables.record.c.id), func.max(tables.record.c.id))).one()
    yield from range(first, last + 1, _STEP) if first is not None else ()


def _records(connection: Connection, route: str, key: bytes, first: int) -> int:
    table = tables.record
    span = (table.c.id >= first) & (table.c.id < first + _STEP)
    return connection.execute(delete(table).where(span, table.c.route == route, table.c.key == key)).rowcount


def _waiting(engine: Engine, route: str, about: Callable[[Pending], bool]) -> int:
    table, last, removed = tables.pending, "", 0
    chosen = select(table).where(table.c.route == route, table.c.state != CLOSED).order_by(table.c.call_id)
    while True:
        with reading(engine) as connection:
            rows = connection.execute(chosen.where(table.c.call_id > last).limit(_WAITING)).all()
        if not rows:
            return removed
        hers = [row.call_id for row in rows if about(joins.read(row))]
        last = rows[-1].call_id
        if hers:
            with writing(engine) as connection:
                removed += _close(connection, route, hers)


def _close(connection: Connection, route: str, call_ids: Collection[str]) -> int:
    """Removes waiting calls, and books those whose window was open; an expired one is booked as an orphan already."""
    table = tables.pending
    mine = (table.c.route == route) & table.c.call_id.in_(call_ids) & (table.c.state != CLOSED)
    states = connection.execute(delete(table).where(mine).returning(table.c.state)).scalars().all()
    if opened := states.count(OPEN):
        row = {"route": route, "replica": _REPLICA, "term": ERASED, "count": opened}
        upsert.adding(connection, tables.ledger, [row], "count")
    return len(states)


def _scrub(engine: Engine) -> None:
    """SQLite overwrites what it deletes, but the write-ahead log still has it until it is emptied."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
