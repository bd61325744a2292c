"""Stores filled with a day's records of the example, with the sums and the evidence that an observer writes of them."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, Table, insert

from bench import rig
from gateway.store import evidence, rollups, tables, upsert
from gateway.store.engine import writing
from gateway.store.model import AGREE, DISAGREE, Record, Slot
from gateway.store.sums import Rollup, Units
from gateway.store.writer import row_of

MINUTES = 1440
SOURCE = "loans_soap/ScoreLoan"
CHUNK = 5000
SEED = 7


def records(count: int, number: int, tag: str, now: datetime) -> Iterator[Record]:
    """Records of the example, evenly over a day, two of a customer on average."""
    random, start = Random(SEED), now - timedelta(minutes=MINUTES)
    for at in range(count):
        agree, score = random.random() < 0.93, random.gauss(650, 90)
        word, theirs = (AGREE if agree else DISAGREE), random.choice(("approve", "reject"))
        other = {"approve": "reject", "reject": "approve"}[theirs]
        key = random.randrange(count // 2).to_bytes(16)
        yield Record(
            rig.ROUTE, number, f"call {at}", 0, SOURCE, start + timedelta(minutes=MINUTES * at / count), "shadow",
            "incumbent", word, key, {"purpose": f"A4{at % 10}", "credit_amount": random.randrange(250, 15000)},
            {"decision": theirs, "score": round(score, 1)},
            {"decision": theirs if agree else other, "score": round(score + random.gauss(5, 20), 1)},
            {"decision": word, "score": AGREE, "decided_on": AGREE}, random.expovariate(0.1),
            random.expovariate(0.5), random.expovariate(2), tag, "v1", key, {"score": 5.0},
            plain=("decision", "score"),
        )  # fmt: skip


def fill(engine: Engine, count: int, number: int, tag: str) -> None:
    """Writes them, in an epoch of this number and model, by the store's own code."""
    made = records(count, number, tag, datetime.now(UTC))
    sums: dict[Slot, Rollup] = {}
    while chunk := list(islice(made, CHUNK)):
        units: Units = {}
        for one in chunk:
            _count(sums, one)
            evidence.weigh(units, one)
        with writing(engine) as connection:
            connection.execute(insert(tables.record), [row_of(one) for one in chunk])
            evidence.add(connection, (units,))
    terms = [{"route": rig.ROUTE, "replica": "bench", "term": term, "count": count} for term in ("seen", "compared")]
    with writing(engine) as connection:
        rollups.add(connection, "bench", (sums,))
        upsert.adding(connection, tables.ledger, terms, "count")


def _count(sums: dict[Slot, Rollup], one: Record) -> None:
    slot = Slot.at(one.route, one.stage, one.source, one.epoch, one.received)
    rollup = sums.setdefault(slot, Rollup())
    rollup.calls += 1
    rollup.answered_incumbent += 1
    rollup.take(one)
    for who in ("incumbent", "candidate", "gateway"):
        rollup.time(who, getattr(one, f"{who}_ms"))


def copied(file: Path, engine: Engine) -> None:
    """Writes all rows of the SQLite store in `file` to a PostgreSQL store that is migrated and empty."""
    with sqlite3.connect(file) as source, writing(engine) as connection:
        for table in tables.metadata.sorted_tables:
            _copy(source, connection, table)


def _copy(source: sqlite3.Connection, connection: Connection, table: Table) -> None:
    names: Sequence[str] = [column.name for column in table.columns]
    quoted = ", ".join(f'"{name}"' for name in names)
    rows = source.execute(f'SELECT {quoted} FROM "{table.name}"')  # noqa: S608 - names of our own tables
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    with driver.cursor() as cursor:
        cursor.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(table.name)))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
