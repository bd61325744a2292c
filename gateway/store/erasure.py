"""Removes one person from the store, in bounded steps, so that writers are never kept waiting for long."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, select

from gateway.store import joins, tables, upsert
from gateway.store.engine import reading, writing
from gateway.store.joins import CLOSED, OPEN
from gateway.store.model import NOT_OBSERVABLE, Pending
from gateway.store.secret import SIZE

ERASED = f"{NOT_OBSERVABLE}:erased"
"""What a call becomes whose answer was still awaited."""
_STEP = 20_000
"""Records looked at in one transaction: there is no index on keys, which every call would have to pay for."""
_WAITING = 200
_REPLIES = 1000
_REPLICA = "erasure"


def erase(engine: Engine, route: str, key: bytes, about: Callable[[Pending], bool]) -> Mapping[str, int]:
    """Removes the records and the evidence under this HMAC, and the waiting calls that `about` knows; returns how many
    of each. The ledger goes on balancing; `scrub` ends it. Raises StoreDown, and can then be run again."""
    removed = Counter({"records": 0, "evidence": 0, "waiting calls": 0})
    for first in _steps(engine):
        with writing(engine) as connection:
            removed["records"] += _records(connection, route, key, first)
    with writing(engine) as connection:
        epochs = select(tables.epoch.c.id).where(tables.epoch.c.route == route)
        mine = (tables.evidence.c.key == key) & tables.evidence.c.epoch.in_(epochs)
        removed["evidence"] = connection.execute(delete(tables.evidence).where(mine)).rowcount
    removed["waiting calls"] = _waiting(engine, route, about)
    return removed


def forget(engine: Engine, scopes: Collection[str], key: bytes) -> tuple[int, int]:
    """Removes the stored replies of these scopes that are about this HMAC, alone or with others, and those that nobody
    can tell whose they are; returns how many of each. Raises StoreDown, and can then be run again."""
    table, counts = tables.value, [0, 0]
    for scope in scopes:
        last: bytes | None = b""
        while last is not None:
            with writing(engine) as connection:
                last = _forget(connection, (table.c.scope == scope) & (table.c.token > last), key, counts)
    return counts[0], counts[1]


def _forget(connection: Connection, span: ColumnElement[bool], key: bytes, counts: list[int]) -> bytes | None:
    """Removes within a step, adds to the counts, and returns the step's last token; None when there was none."""
    table = tables.value
    step = select(table.c.token, table.c.persons).where(span).order_by(table.c.token).limit(_REPLIES)
    rows = [(bytes(token), persons) for token, persons in connection.execute(step)]
    hers = [token for token, persons in rows if persons is not None and key in _parted(bytes(persons))]
    unknown = [token for token, persons in rows if persons is None]
    connection.execute(delete(table).where(span, table.c.token.in_(hers + unknown)))
    counts[0] += len(hers)
    counts[1] += len(unknown)
    return rows[-1][0] if rows else None


def _parted(persons: bytes) -> Collection[bytes]:
    return {persons[at : at + SIZE] for at in range(0, len(persons), SIZE)}


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


def scrub(engine: Engine) -> None:
    """SQLite overwrites what it deletes, but the write-ahead log still has it until it is emptied."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
