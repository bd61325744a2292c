"""Evidence by business key: what statistics may take as independent, in the order in which the keys first came.

One row a key and epoch, so that a look costs only what came since the last one, and any condition can be asked of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Row, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store import upsert
from gateway.store.engine import reading
from gateway.store.model import Record
from gateway.store.sums import Tally, Units
from gateway.store.tables import arrivals as counter
from gateway.store.tables import evidence as table

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Unit:
    """One business key in one epoch, as far as it had come when it was read.

    Its mean disagreement, in [0, 1], is `disagreed / calls`; `parts` has the same of each compared field, and of
    each segment as `segment:NAME`: (disagreed, compared). `cost` is the sum over its calls."""

    arrival: int
    """Rises with the order in which the keys of the epoch first came, over all replicas; numbers may be left out."""
    key: bytes
    first: datetime
    last: datetime
    """To the hour."""
    calls: int
    disagreed: int
    cost: float
    parts: Mapping[str, tuple[int, int]]


def units(engine: Engine, epoch: int, after: int = 0, limit: int = 10_000) -> Sequence[Unit]:
    """At most `limit` keys of the epoch that came after the arrival `after`, in order; a reader that goes on from
    the last arrival it was given misses none. Raises StoreDown."""
    chosen = select(table).where(table.c.epoch == epoch, table.c.arrival > after).order_by(table.c.arrival)
    with reading(engine) as connection:
        return [_unit(row) for row in connection.execute(chosen.limit(limit))]


def add(connection: Connection, batches: Sequence[Units]) -> None:
    """Adds the tallies. Call it late in a transaction: it holds each epoch until the commit, so that arrivals become
    visible in their order."""
    epochs: defaultdict[int, dict[bytes, Tally]] = defaultdict(dict)
    for (epoch, key), tally in _sum(batches).items():
        if tally.calls:
            epochs[epoch][key] = tally
    for epoch, tallies in sorted(epochs.items()):
        _add(connection, epoch, tallies)


def taken_back(records: Iterable[Record]) -> Units:
    """What these records added, negative."""
    units: Units = {}
    for record in records:
        weigh(units, record, -1)
    return units


def weigh(units: Units, record: Record, sign: int = 1) -> None:
    """Adds one compared record to its unit; one that was not compared, or has no epoch or unit, is no evidence."""
    if record.compared and record.unit and record.epoch:
        unit = record.epoch, record.unit
        if (tally := units.get(unit)) is None:
            tally = units[unit] = Tally(record.received, record.received)
        tally.count(record, sign)


def _sum(batches: Sequence[Units]) -> Units:
    """The tallies of all batches; these stay as they are, for they may have to be written again."""
    first, *others = [batch for batch in batches if batch] or [{}]
    if not others:
        return first
    sums: Units = {}
    for batch in (first, *others):
        for unit, tally in batch.items():
            sums.setdefault(unit, Tally(tally.first, tally.last)).merge(tally)
    return sums


def _add(connection: Connection, epoch: int, tallies: Mapping[bytes, Tally]) -> None:
    last = _reserve(connection, epoch, len(tallies))
    known = _known(connection, epoch, list(tallies))
    rows = []
    for number, (key, tally) in enumerate(tallies.items(), last + 1):
        if (row := known.get(key)) is None:
            rows.append(_row(epoch, key, number, tally))
        else:
            stored = _tally(row)
            stored.merge(tally)
            rows.append(_row(epoch, key, row.arrival, stored))
    upsert.replacing(connection, table, rows)


def _reserve(connection: Connection, epoch: int, count: int) -> int:
    """The last arrival given out before; `count` more are now. Others wait here until the commit."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = insert(counter).values(epoch=epoch, count=count)
    counted = row.on_conflict_do_update(index_elements=["epoch"], set_={"count": counter.c.count + row.excluded.count})
    return int(connection.execute(counted.returning(counter.c.count)).scalar_one()) - count


def _known(connection: Connection, epoch: int, keys: Sequence[bytes]) -> Mapping[bytes, Row[Any]]:
    rows: dict[bytes, Row[Any]] = {}
    for start in range(0, len(keys), _CHUNK):
        mine = (table.c.epoch == epoch) & table.c.key.in_(keys[start : start + _CHUNK])
        rows |= {bytes(row.key): row for row in connection.execute(select(table).where(mine))}
    return rows


def _tally(row: Row[Any]) -> Tally:
    return Tally(row.first, row.last, row.calls, row.disagreed, row.cost, orjson.loads(row.parts))


def _row(epoch: int, key: bytes, arrival: int, tally: Tally) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "key": key,
        "arrival": arrival,
        "first": tally.first,
        # To the hour: an index stands on it, and most calls of a key then leave it as it is.
        "last": tally.last.replace(minute=0, second=0, microsecond=0),
        "calls": tally.calls,
        "disagreed": tally.disagreed,
        "cost": tally.cost,
        "parts": orjson.dumps(tally.parts).decode(),
    }


def _unit(row: Row[Any]) -> Unit:
    parts = {name: (disagreed, compared) for name, (disagreed, compared) in orjson.loads(row.parts).items()}
    return Unit(row.arrival, bytes(row.key), row.first, row.last, row.calls, row.disagreed, row.cost, parts)
