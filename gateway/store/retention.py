"""Removes what is too old, in small steps, so that writers are never kept waiting for long."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, func, select, tuple_

from gateway.contract import UnderstudyError
from gateway.store import tables
from gateway.store.engine import writing
from gateway.store.joins import OPEN
from gateway.store.replicas import clock

AHEAD = timedelta(days=1)


class ClockJumped(UnderstudyError):
    """The database's clock and the records disagree, so nothing is removed."""


def prune(engine: Engine, older_than: timedelta, limit: int = 1000, *, force: bool = False) -> int:
    """Removes at most `limit` records and `limit` closed or expired joins that are older; returns how many. Call it
    until it returns 0, with pauses. The ledger and the roll-ups stay: they name nobody.

    Raises ClockJumped, unless `force`, where the newest record lies more than a day in the future (the clock was set
    back) or is itself too old (it was set forward, or nothing came for all that time: then say `force`). Raises
    StoreDown."""
    with writing(engine) as connection:
        now = clock(connection)
        if not force:
            _check(connection, now, now - older_than)
        removed = _remove(connection, tables.record, tables.record.c.received < now - older_than, limit)
        done = (tables.pending.c.state != OPEN) & (tables.pending.c.expires < now - older_than)
        return removed + _remove(connection, tables.pending, done, limit)


def prune_rollups(engine: Engine, older_than: timedelta, limit: int = 1000) -> int:
    """Removes at most `limit` minutes of roll-ups that are older; returns how many. Raises StoreDown."""
    with writing(engine) as connection:
        old = tables.rollup.c.minute < clock(connection) - older_than
        return _remove(connection, tables.rollup, old, limit)


def _check(connection: Connection, now: datetime, cutoff: datetime) -> None:
    newest = connection.execute(select(func.max(tables.record.c.received))).scalar()
    if newest is None:
        return
    if newest > now + AHEAD:
        raise ClockJumped(
            f"the newest record is of {newest:%Y-%m-%d %H:%M}, the database's clock says {now:%Y-%m-%d %H:%M}"
        )
    if newest < cutoff:
        raise ClockJumped(
            f"even the newest record, of {newest:%Y-%m-%d %H:%M}, would be removed; force it if that is meant"
        )


def _remove(connection: Connection, table: Table, old: ColumnElement[bool], limit: int) -> int:
    key = tuple_(*table.primary_key.columns)
    chosen = select(*table.primary_key.columns).where(old).limit(limit)
    return connection.execute(delete(table).where(key.in_(chosen))).rowcount
