"""Roll-ups in the store: each replica adds to its own rows, so that reading, adding and writing back is safe."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, select

from gateway.store import tables, upsert
from gateway.store.histogram import Histogram
from gateway.store.model import COUNTS, Record, Rollup, Slot


def taken_back(records: Iterable[Record]) -> Mapping[Slot, Rollup]:
    """What the verdicts of these records added, negative."""
    sums: dict[Slot, Rollup] = {}
    for record in records:
        slot = Slot.at(record.route, record.stage, record.source, record.epoch, record.received)
        sums.setdefault(slot, Rollup()).compare(record.verdict, record.verdicts, sign=-1)
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


def read(row: Row[Any]) -> Rollup:
    """The roll-up of a row of the table."""
    rollup = Rollup(fields=orjson.loads(row.fields))
    for name in COUNTS:
        setattr(rollup, name, getattr(row, name))
    latency = orjson.loads(row.latency)
    rollup.latency = {who: Histogram.from_json(buckets) for who, buckets in latency.items()}
    return rollup


def _stored(connection: Connection, replica: str, slots: Iterable[Slot]) -> Sequence[Row[Any]]:
    table = tables.rollup
    routes, minutes = {slot.route for slot in slots}, {slot.minute for slot in slots}
    mine = (table.c.replica == replica) & table.c.route.in_(routes) & table.c.minute.in_(minutes)
    return connection.execute(select(table).where(mine)).all() if routes else ()


def _row(replica: str, slot: Slot, rollup: Rollup) -> dict[str, Any]:
    latency = {who: histogram.to_json() for who, histogram in rollup.latency.items()}
    return {
        **slot._asdict(),
        "replica": replica,
        **{name: getattr(rollup, name) for name in COUNTS},
        "fields": orjson.dumps(rollup.fields).decode(),
        "latency": orjson.dumps(latency).decode(),
    }
