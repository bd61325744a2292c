"""The processes that write: their heartbeat, and what becomes of the calls that one of them left open."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, Row, func, select, update

from gateway.store import tables, upsert
from gateway.store.columns import Instant
from gateway.store.engine import reading, writing
from gateway.store.model import LOST, PENDING, Replica, ReplicaState
from gateway.store.text import dumps, loads


def beat(connection: Connection, replica: Replica) -> int:
    """Registers or refreshes the replica, and returns the number of its last flush.

    One that was settled and yet lives gets back what was booked as lost."""
    row = {"id": replica.id, "host": replica.host, "pid": replica.pid, "version": replica.version}
    upsert.replacing(connection, tables.replica, [row | {"state": dumps(replica.state)}])
    table = tables.replica
    connection.execute(update(table).where(table.c.id == replica.id).values(seen=func.now()))
    known = connection.execute(select(table.c.flushed, table.c.ended, table.c.settled).where(table.c.id == replica.id))
    flushed, ended, settled = known.one()
    if ended:
        _book(connection, replica.id, {route: -count for route, count in json.loads(settled).items()})
        connection.execute(update(table).where(table.c.id == replica.id).values(ended=False, settled="{}"))
    return int(flushed)


def settle(engine: Engine, replica: str) -> int:
    """Books the calls that a dead replica had open in memory as lost, once; returns how many. Raises StoreDown."""
    table, ledger = tables.replica, tables.ledger
    with writing(engine) as connection:
        ended = connection.execute(select(table.c.ended).where(table.c.id == replica).with_for_update()).scalar()
        if ended is not False:
            return 0
        mine = (ledger.c.replica == replica) & (ledger.c.term == PENDING) & (ledger.c.count != 0)
        rows = connection.execute(select(ledger.c.route, ledger.c.count).where(mine))
        waiting: dict[str, int] = dict(rows.all())
        _book(connection, replica, waiting)
        connection.execute(update(table).where(table.c.id == replica).values(ended=True, settled=json.dumps(waiting)))
        return sum(waiting.values())


def replicas(engine: Engine) -> Sequence[ReplicaState]:
    """Every replica that ever wrote and was not pruned, the latest heartbeat first. Raises StoreDown."""
    with reading(engine) as connection:
        moment = clock(connection)
        rows = connection.execute(select(tables.replica).order_by(tables.replica.c.seen.desc())).all()
    return [_state(row, moment) for row in rows]


def now(engine: Engine) -> datetime:
    """Now, by the database's clock. Raises StoreDown."""
    with reading(engine) as connection:
        return clock(connection)


def clock(connection: Connection) -> datetime:
    """Now, by the database's clock: the only one that all replicas share."""
    now = connection.execute(select(func.current_timestamp(type_=Instant))).scalar_one()
    return now.astimezone(UTC)


def _state(row: Row[tuple[object, ...]], now: datetime) -> ReplicaState:
    replica = Replica(row.id, row.host, row.pid, row.version, loads(row.state))
    age = max(0.0, (now - row.seen).total_seconds())
    return ReplicaState(replica, row.started, row.seen, age, row.ended)


def _book(connection: Connection, replica: str, moved: Mapping[str, int]) -> None:
    rows = [
        {"route": route, "replica": replica, "term": term, "count": count}
        for route, total in moved.items()
        for term, count in ((LOST, total), (PENDING, -total))
    ]
    upsert.adding(connection, tables.ledger, rows, "count")
