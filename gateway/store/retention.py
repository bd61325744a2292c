"""Removes what is too old, in small steps, so that writers are never kept waiting for long."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, Connection, Engine, Table, delete, func, select, text, tuple_

from gateway.contract import UnderstudyError
from gateway.store import rollups, tables, upsert
from gateway.store.engine import reading, writing
from gateway.store.joins import OPEN
from gateway.store.replicas import clock
from gateway.store.told import PREFIX

AHEAD = timedelta(days=1)
ROW = 400
"""Bytes of a record beside its texts, with its share of the indexes."""
ENDED = "*"
"""The replica under which the ledger has what replicas booked that were removed."""
_SAMPLE = 1000
_ESTIMATED = 1_000_000
"""Rows from which on an estimate is taken for the count."""


class ClockJumped(UnderstudyError):
    """The database's clock and the records disagree, so nothing is removed."""


def prune(engine: Engine, older_than: timedelta, limit: int = 1000, *, force: bool = False) -> int:
    """Removes at most `limit` each of records, closed or expired joins and noted dead letters that are older; returns
    how many. Call it until it returns 0, with pauses. The ledger and the roll-ups stay: they name nobody.

    Raises ClockJumped, unless `force`, where the newest record lies more than a day in the future (the clock was set
    back) or is itself too old (it was set forward, or nothing came for all that time: then say `force`). Raises
    StoreDown."""
    with writing(engine) as connection:
        now = clock(connection)
        if not force:
            _check(connection, now, now - older_than, tables.record.c.received)
        removed = _remove(connection, tables.record, tables.record.c.received < now - older_than, limit)
        removed += _remove(connection, tables.dead_letter, tables.dead_letter.c.changed < now - older_than, limit)
        done = (tables.pending.c.state != OPEN) & (tables.pending.c.expires < now - older_than)
        return removed + _remove(connection, tables.pending, done, limit)


def prune_size(engine: Engine, size: int, limit: int = 1000) -> int:
    """Removes at most `limit` of the oldest records where all of them take more than `size` bytes; returns how many.

    A record counts as its texts, by the mean of the latest ones, and ROW for the rest and the indexes. Raises
    StoreDown."""
    table = tables.record
    with writing(engine) as connection:
        rows = count(connection, table)
        latest = select(table).order_by(table.c.id.desc()).limit(_SAMPLE).subquery()
        texts = sum(func.length(latest.c[name]) for name in ("fields", "incumbent", "candidate", "verdicts"))
        mean = ROW + float(connection.execute(select(func.avg(texts))).scalar() or 0)
        excess = min(limit, rows - int(size / mean))
        if excess <= 0:
            return 0
        oldest = select(table.c.id).order_by(table.c.id).limit(excess)
        return connection.execute(delete(table).where(table.c.id.in_(oldest))).rowcount


def prune_evidence(engine: Engine, older_than: timedelta, limit: int = 1000) -> int:
    """Removes at most `limit` business keys of whom nothing came for so long; returns how many.

    Raises ClockJumped as `prune` does, and StoreDown."""
    return _prune(engine, tables.evidence, tables.evidence.c.last, older_than, limit)


def prune_rollups(engine: Engine, older_than: timedelta, limit: int = 1000) -> int:
    """Removes at most `limit` minutes of roll-ups that are older; returns how many.

    Raises ClockJumped as `prune` does, and StoreDown."""
    return _prune(engine, tables.rollup, tables.rollup.c.minute, older_than, limit)


def prune_replicas(engine: Engine, older_than: timedelta, limit: int = 1000) -> int:
    """Removes at most `limit` replicas that ended so long ago, and of whose gateway nobody was seen since; returns how
    many. What they booked is added up under one name, so that every sum of the ledger stays; what their workers told
    is forgotten with them.

    Raises ClockJumped as `prune` does, and StoreDown."""
    table, ledger = tables.replica, tables.ledger
    with writing(engine, lock="understudy replicas") as connection:
        moment = clock(connection)
        cutoff = moment - older_than
        _check(connection, moment, cutoff, table.c.seen)
        lives = {_gateway(id) for id in connection.execute(select(table.c.id).where(~_ended(cutoff))).scalars()}
        ended = connection.execute(select(table.c.id).where(_ended(cutoff)).order_by(table.c.seen)).scalars()
        old = [id for id in ended if _gateway(id) not in lives][:limit]
        removed = delete(ledger).where(ledger.c.replica.in_(old))
        sums = Counter[tuple[str, str]]()
        for route, term, count in connection.execute(removed.returning(ledger.c.route, ledger.c.term, ledger.c.count)):
            if not term.startswith(f"{PREFIX}:"):
                sums[route, term] += count
        booked = [
            {"route": route, "replica": ENDED, "term": term, "count": n} for (route, term), n in sums.items() if n
        ]
        upsert.adding(connection, ledger, booked, "count")
        return connection.execute(delete(table).where(table.c.id.in_(old))).rowcount


def _ended(cutoff: datetime) -> ColumnElement[bool]:
    return tables.replica.c.ended & (tables.replica.c.seen < cutoff)


def _gateway(replica: str) -> str:
    """Whose process it was: an observer that was started again goes on with what its workers told the one before."""
    return replica.rpartition(".")[0] or replica


def gather(engine: Engine, width: rollups.Width) -> int:
    """Adds what is old enough and the oldest that is narrower up to one row of this width, a source, stage and epoch;
    returns how many rows were added up. Call it until it returns 0, the widest first. So reports cost quarters of an
    hour, and hours of what is long past. Raises StoreDown."""
    table = tables.rollup
    wider = [one.name for one in rollups.WIDTHS if one.span >= width.span]
    with writing(engine, lock="understudy gather") as connection:
        old = table.c.minute < clock(connection) - width.after
        first = connection.execute(select(func.min(table.c.minute)).where(old, table.c.replica.not_in(wider))).scalar()
        return 0 if first is None else rollups.gather(connection, width, width.begin(first))


@dataclass(frozen=True, slots=True)
class Kept:
    """What a table holds: the oldest and the latest moment in it, and how many rows are beyond what is allowed."""

    name: str
    rows: int
    oldest: datetime | None
    latest: datetime | None
    beyond: int


def kept(engine: Engine, age: timedelta, rollup_age: timedelta) -> Sequence[Kept]:
    """The proof of retention: what is kept of people and of sums, and that nothing is older than it may be, but for
    what has become so since the last pruning. Raises StoreDown."""
    limits = (
        (tables.record, tables.record.c.received, age),
        (tables.pending, tables.pending.c.expires, age),
        (tables.dead_letter, tables.dead_letter.c.changed, age),
        (tables.evidence, tables.evidence.c.last, age),
        (tables.rollup, tables.rollup.c.minute, rollup_age),
    )
    found = []
    with reading(engine) as connection:
        now = clock(connection)
        for table, moment, limit in limits:
            told = select(func.min(moment), func.max(moment), func.count())
            oldest, latest, rows = connection.execute(told.select_from(table)).one()
            old = select(func.count()).select_from(table).where(moment < now - limit)
            found.append(Kept(table.name, rows, oldest, latest, connection.execute(old).scalar_one()))
    return found


def count(connection: Connection, table: Table) -> int:
    """How many rows a table has; on PostgreSQL as the database last counted, where it has."""
    if connection.dialect.name == "postgresql":
        known = text("SELECT reltuples::bigint FROM pg_class WHERE oid = CAST(:name AS regclass)")
        if (estimate := connection.execute(known, {"name": table.name}).scalar()) and estimate > _ESTIMATED:
            return int(estimate)
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _prune(engine: Engine, table: Table, moment: Column[datetime], older_than: timedelta, limit: int) -> int:
    with writing(engine) as connection:
        now = clock(connection)
        _check(connection, now, now - older_than, moment)
        return _remove(connection, table, moment < now - older_than, limit)


def _check(connection: Connection, now: datetime, cutoff: datetime, moment: Column[datetime]) -> None:
    newest = connection.execute(select(func.max(moment))).scalar()
    if newest is None:
        return
    what = f"the newest {moment.table.name} is of {newest:%Y-%m-%d %H:%M}"
    if newest > now + AHEAD:
        raise ClockJumped(f"{what}, the database's clock says {now:%Y-%m-%d %H:%M}")
    if newest < cutoff:
        raise ClockJumped(f"{what} and would be removed too; `understudy kept --prune` forces it if that is meant")


def _remove(connection: Connection, table: Table, old: ColumnElement[bool], limit: int) -> int:
    key = tuple_(*table.primary_key.columns)
    chosen = select(*table.primary_key.columns).where(old).limit(limit)
    return connection.execute(delete(table).where(key.in_(chosen))).rowcount
