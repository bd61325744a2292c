"""The only way records, counts and heartbeats reach the store."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, update

from gateway.store import evidence, joins, rollups, tables, upsert
from gateway.store.batch import Batch
from gateway.store.engine import reading, writing
from gateway.store.model import DUPLICATE, ORPHAN, PENDING, SEEN, Pending, Record, Replica
from gateway.store.replicas import beat
from gateway.store.text import dumps, identity


@dataclass(slots=True)
class _Attempt:
    number: int
    batch: Batch
    duplicates: set[int]


class Writer:
    """Writes for one replica. Not thread-safe: one thread at a time. `replica` may be changed between flushes."""

    def __init__(self, engine: Engine, replica: Replica) -> None:
        """Opens no connection; the replica is registered by its first flush."""
        self._engine = engine
        self.replica = replica
        self._attempt: _Attempt | None = None

    def flush(self, batch: Batch) -> set[int]:
        """Writes the batch and the heartbeat in one transaction; returns which of its records (by their place in
        `batch.records`) had been recorded before and were left out.

        Raises StoreDown, and then nothing is half written: flush the very same batch again before any newer one. It is
        added once even if the connection broke during the commit. An empty batch is a heartbeat."""
        with writing(self._engine) as connection:
            flushed = beat(connection, self.replica)
            tried = self._attempt
            if tried is not None and tried.batch is batch and tried.number == flushed:
                return tried.duplicates
            duplicates = self._write(connection, batch)
            mine = tables.replica.c.id == self.replica.id
            connection.execute(update(tables.replica).where(mine).values(flushed=flushed + 1))
            self._attempt = _Attempt(flushed + 1, batch, duplicates)
        return duplicates

    def open(self, route: str, call_ids: Sequence[str]) -> Mapping[str, Pending]:
        """Those of the calls that still wait for their answer, on time or late. Raises StoreDown."""
        with reading(self._engine) as connection:
            return joins.find(connection, route, call_ids)

    def closed(self, route: str, call_ids: Sequence[str]) -> set[str]:
        """Those of the calls that have had their answer already: another one is a redelivery. Raises StoreDown."""
        with reading(self._engine) as connection:
            return joins.closed(connection, route, call_ids)

    def expire(self, now: datetime, limit: int = 1000) -> Sequence[Pending]:
        """Ends the window of at most `limit` calls that waited past `now` and books them as orphans; a late answer
        can still close them. Each is returned to one replica only. Raises StoreDown."""
        with writing(self._engine) as connection:
            ended = joins.expire(connection, now, limit)
            self._add(connection, Counter((pending.route, ORPHAN) for pending in ended))
        return ended

    def _write(self, connection: Connection, batch: Batch) -> set[int]:
        terms = Counter(batch.ledger)
        terms.update((route, SEEN) for route in joins.add(connection, batch.opened))
        terms.update(joins.close(connection, batch.closed))
        duplicates = _insert(connection, batch.records)
        terms.update((batch.records[place].route, DUPLICATE) for place in duplicates)
        repeated = [batch.records[place] for place in sorted(duplicates)]
        rollups.add(connection, self.replica.id, (batch.rollups, rollups.taken_back(repeated)))
        self._add(connection, terms)
        self._wait(connection, batch.waiting)
        evidence.add(connection, (batch.evidence, evidence.taken_back(repeated)))
        return duplicates

    def _add(self, connection: Connection, terms: Mapping[tuple[str, str], int]) -> None:
        rows = [self._row(route, term, count) for (route, term), count in sorted(terms.items()) if count]
        upsert.adding(connection, tables.ledger, rows, "count")

    def _wait(self, connection: Connection, waiting: Mapping[str, int]) -> None:
        ledger = tables.ledger
        mine = (ledger.c.replica == self.replica.id) & (ledger.c.term == PENDING)
        connection.execute(update(ledger).where(mine).values(count=0))
        rows = [self._row(route, PENDING, count) for route, count in waiting.items() if count]
        upsert.replacing(connection, ledger, rows)

    def _row(self, route: str, term: str, count: int) -> dict[str, Any]:
        return {"route": route, "replica": self.replica.id, "term": term, "count": count}


def _insert(connection: Connection, records: Sequence[Record]) -> set[int]:
    """Writes what is new; returns the places of the others."""
    rows = [row_of(record) for record in records]
    places: dict[tuple[str, str, int], int] = {}
    for place, row in enumerate(rows):
        places.setdefault((row["route"], row["call_id"], row["position"]), place)
    firsts = rows if len(places) == len(rows) else [rows[place] for place in places.values()]
    written = upsert.ignoring(connection, tables.record, firsts, ("route", "call_id", "position"))
    return set(range(len(rows))) - {places[row.route, row.call_id, row.position] for row in written}


def row_of(record: Record) -> dict[str, Any]:
    """The record as a row of its table."""
    return {
        "route": record.route,
        "epoch": record.epoch,
        "call_id": identity(record.call_id),
        "position": record.index,
        "source": record.source,
        "received": record.received,
        "stage": record.stage,
        "answered_by": record.by,
        "verdict": record.verdict,
        "key": record.key,
        "fields": dumps(record.fields),
        "incumbent": dumps(record.incumbent),
        "candidate": dumps(record.candidate),
        "verdicts": dumps(record.verdicts),
        "incumbent_ms": record.incumbent_ms,
        "candidate_ms": record.candidate_ms,
        "gateway_ms": record.gateway_ms,
        "model": record.model,
        "version": record.version,
        "distances": dumps(record.distances),
        "cost": record.cost,
        "segments": dumps(list(record.segments)),
        "late": record.late,
        "lot": _lot(record),
    }


def _lot(record: Record) -> int:
    """The record's place in a random order that no redelivery changes: the lowest lots are a fair sample."""
    name = f"{record.call_id} {record.index}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=4).digest())
