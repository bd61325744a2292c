"""Roll-ups in the store: each replica adds to its own rows, so that reading, adding and writing back is safe."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, delete, select

from gateway.store import tables, upsert
from gateway.store.histogram import Histogram
from gateway.store.model import Record, Slot
from gateway.store.spread import Spread
from gateway.store.sums import COUNTS, Rollup


class Width(NamedTuple):
    """How much time a row is of that was added up over all replicas; it stands under `name` as its replica."""

    name: str
    span: timedelta
    after: timedelta
    """How old sums become before they are added up."""

    def begin(self, moment: datetime) -> datetime:
        """When the row begins that this moment is of."""
        seconds, span = int(moment.timestamp()), int(self.span.total_seconds())
        return datetime.fromtimestamp(seconds - seconds % span, UTC)


QUARTER = Width("*15", timedelta(minutes=15), timedelta(hours=2))
HOUR = Width("*", timedelta(hours=1), timedelta(days=2))
WIDTHS = (HOUR, QUARTER)
"""The widest first."""


def taken_back(records: Iterable[Record]) -> Mapping[Slot, Rollup]:
    """What the verdicts of these records added, negative."""
    sums: dict[Slot, Rollup] = {}
    for record in records:
        slot = Slot.at(record.route, record.stage, record.source, record.epoch, record.received)
        sums.setdefault(slot, Rollup()).take(record, sign=-1)
    return sums


def add(connection: Connection, replica: str, parts: Sequence[Mapping[Slot, Rollup]]) -> None:
    """Adds the sums to the replica's rows."""
    touched = {slot for part in parts for slot in part}
    sums = {slot: Rollup() for slot in touched}
    for row in _stored(connection, replica, touched):
        slot = Slot(row.route, row.stage, row.source, row.epoch, row.minute)
        if slot in sums:
            sums[slot] = read(row)
    for part in parts:
        for slot, rollup in part.items():
            sums[slot].merge(rollup)
    upsert.replacing(connection, tables.rollup, [_row(replica, slot, rollup) for slot, rollup in sums.items()])


def gather(connection: Connection, width: Width, start: datetime) -> int:
    """Adds the rows from `start` on up to one of this width, a source, stage and epoch; returns how many they were."""
    table = tables.rollup
    mine = (table.c.minute >= start) & (table.c.minute < start + width.span)
    sums: dict[Slot, Rollup] = {}
    # Taken and removed at once: an answer that comes late may add to a minute that is long past.
    rows = connection.execute(delete(table).where(mine).returning(table)).all()
    for row in rows:
        sums.setdefault(Slot(row.route, row.stage, row.source, row.epoch, start), Rollup()).merge(read(row))
    upsert.replacing(connection, table, [_row(width.name, slot, rollup) for slot, rollup in sums.items()])
    return len(rows)


def read(row: Row[Any]) -> Rollup:
    """The roll-up of a row of the table."""
    rollup = Rollup(cost=row.cost, fields=orjson.loads(row.fields))
    rollup.words, rollup.segments = orjson.loads(row.words), orjson.loads(row.segments)
    rollup.known, rollup.repeats = orjson.loads(row.known), orjson.loads(row.repeats)
    for name in COUNTS:
        setattr(rollup, name, getattr(row, name))
    rollup.latency = {who: Histogram.from_json(buckets) for who, buckets in orjson.loads(row.latency).items()}
    for name, sides in orjson.loads(row.numbers).items():
        rollup.numbers[name] = {side: Spread.from_json(written) for side, written in sides.items()}
    for name, pairs in orjson.loads(row.pairs).items():
        rollup.pairs[name] = {(theirs, ours): counts for theirs, ours, counts in pairs}
    return rollup


def _stored(connection: Connection, replica: str, slots: Iterable[Slot]) -> Sequence[Row[Any]]:
    table = tables.rollup
    routes, minutes = {slot.route for slot in slots}, {slot.minute for slot in slots}
    mine = (table.c.replica == replica) & table.c.route.in_(routes) & table.c.minute.in_(minutes)
    return connection.execute(select(table).where(mine).with_for_update()).all() if routes else ()


def _row(replica: str, slot: Slot, rollup: Rollup) -> dict[str, Any]:
    written = {
        "words": rollup.words,
        "fields": rollup.fields,
        "segments": rollup.segments,
        "known": rollup.known,
        "repeats": rollup.repeats,
        "latency": {who: histogram.to_json() for who, histogram in rollup.latency.items()},
        "numbers": {
            name: {side: spread.to_json() for side, spread in sides.items()} for name, sides in rollup.numbers.items()
        },
        "pairs": {
            name: [(theirs, ours, counts) for (theirs, ours), counts in pairs.items() if counts[0]]
            for name, pairs in rollup.pairs.items()
        },
    }
    counts = {name: getattr(rollup, name) for name in COUNTS}
    texts = {name: orjson.dumps(value).decode() for name, value in written.items()}
    return {**slot._asdict(), "replica": replica, "cost": rollup.cost, **counts, **texts}
