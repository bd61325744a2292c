"""What guards remember between two looks, and their trips. Any replica may look; only one look of a moment counts."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, func, insert, select, update

from gateway.guard import Memory, variation
from gateway.judgement import Judgement
from gateway.proof import Proof
from gateway.statistics.betting import Wealth
from gateway.store import audit, rollups, tables, upsert
from gateway.store.engine import reading, writing
from gateway.store.model import ALL, Record
from gateway.store.plans import LOCK
from gateway.store.replicas import clock
from gateway.store.sums import Rollup
from gateway.store.tables import epoch, hold, rollup
from gateway.store.tables import guard as table
from gateway.store.text import loads

_PAGE = 5000


@dataclass(slots=True)
class State:
    """A guard in one epoch. `arrival` is the last key that was taken in; `looks` counts the looks that were kept."""

    epoch: int
    digest: str
    """Names the guard's conditions: with others everything is taken in anew."""
    memory: Memory = field(default_factory=Memory)
    arrival: int = 0
    looks: int = 0
    ledger: dict[str, int] = field(default_factory=dict)
    """The route's ledger when the epoch began."""
    said: str = ""
    reason: str = ""
    looked: datetime | None = None


def recall(engine: Engine, number: int) -> State | None:
    """What is remembered of an epoch. Raises StoreDown."""
    with reading(engine) as connection:
        row = connection.execute(select(table).where(table.c.epoch == number)).one_or_none()
    return None if row is None else _state(row)


def variation_before(engine: Engine, route: str, number: int) -> float | None:
    """How much days vary, from the latest earlier epoch of the route that had enough of them. Raises StoreDown."""
    for state in earlier(engine, route, number):
        found = variation([(keys, total) for keys, total in state.memory.days.values()])
        if found is not None:
            return min(found, 2.0)
    return None


def records(engine: Engine, route: str, number: int, keyed: bool, answers: bool = False) -> Iterator[Record]:
    """The epoch's records in the order in which they were written, without the request's values.

    `keyed`: the route has a business key, else each record is a unit of its own; `answers`: with what both sides said.
    Raises StoreDown."""
    table, after = tables.record, 0
    while True:
        mine = (table.c.route == route) & (table.c.epoch == number) & (table.c.id > after)
        with reading(engine) as connection:
            rows = connection.execute(select(table).where(mine).order_by(table.c.id).limit(_PAGE)).all()
        yield from (_record(row, keyed, answers) for row in rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1].id


def earlier(engine: Engine, route: str, before: int) -> Sequence[State]:
    """The states of the route's earlier epochs of the last year, the latest first. Raises StoreDown."""
    mine = select(epoch.c.id).where(epoch.c.route == route, epoch.c.id < before)
    with reading(engine) as connection:
        since = clock(connection) - timedelta(days=365)
        chosen = select(table).where(table.c.epoch.in_(mine), table.c.looked > since)
        return [_state(row) for row in connection.execute(chosen.order_by(table.c.epoch.desc()).limit(100))]


def keep(engine: Engine, state: State, judgement: Judgement) -> bool:
    """Keeps the state after a look; False where another replica was faster, and then this look did not happen.

    Raises StoreDown."""
    row = {
        "digest": state.digest, "arrival": state.arrival, "looks": state.looks + 1, "memory": _text(state),
        "said": str(judgement.outcome), "reason": judgement.reason,
    }  # fmt: skip
    with writing(engine) as connection:
        if state.looks == 0:
            first = row | {"epoch": state.epoch}
            return bool(upsert.ignoring(connection, table, [first], ("epoch",)))
        mine = (table.c.epoch == state.epoch) & (table.c.looks == state.looks)
        return connection.execute(update(table).where(mine).values(**row, looked=func.now())).rowcount == 1


def trip(engine: Engine, route: str, number: int, reason: str) -> bool:
    """Holds the route for what was seen in this epoch; False where a guard holds it already, or where somebody resumed
    since the epoch began, so that its evidence is over. Raises StoreDown."""
    ended = select(hold.c.id).where(hold.c.scope.in_((route, ALL)), hold.c.released_epoch >= number)
    open_ = select(hold.c.id).where(hold.c.scope == route, hold.c.kind == "guard", hold.c.released_at.is_(None))
    with writing(engine, lock=LOCK) as connection:
        if connection.execute(ended).first() or connection.execute(open_).first():
            return False
        row = {"scope": route, "kind": "guard", "reason": reason, "who": "guard"}
        connection.execute(insert(hold).values(row))
        audit.append(connection, audit.Event("guard", "hold", route, after="guard", reason=reason))
        return True


def minutes(engine: Engine, route: str, number: int, since: datetime) -> Sequence[tuple[datetime, Rollup]]:
    """The epoch's sums by minute. Raises StoreDown."""
    mine = (rollup.c.route == route) & (rollup.c.epoch == number) & (rollup.c.minute >= since)
    with reading(engine) as connection:
        return [(row.minute, rollups.read(row)) for row in connection.execute(select(rollup).where(mine))]


def decisions(engine: Engine, route: str, number: int, since: datetime) -> dict[str, Counter[tuple[str, str]]]:
    """By answer field: records of the epoch since then by what incumbent and candidate said. Raises StoreDown."""
    mine = (rollup.c.route == route) & (rollup.c.epoch == number) & (rollup.c.minute >= since)
    found: dict[str, Counter[tuple[str, str]]] = {}
    with reading(engine) as connection:
        for written in connection.execute(select(rollup.c.pairs).where(mine)).scalars():
            for name, pairs in json.loads(written).items():
                sums = found.setdefault(name, Counter())
                for theirs, ours, (records, _) in pairs:
                    sums[str(theirs), str(ours)] += records
    return found


def _record(row: Row[Any], keyed: bool, answers: bool) -> Record:
    incumbent, candidate = (loads(row.incumbent), loads(row.candidate)) if answers else (None, None)
    unit = row.key if keyed else f"{row.call_id} {row.position}".encode()
    return Record(
        row.route, row.epoch, row.call_id, row.position, row.source, row.received, row.stage, row.answered_by,
        row.verdict, row.key, {}, incumbent, candidate, json.loads(row.verdicts), row.incumbent_ms, row.candidate_ms,
        row.gateway_ms, row.model, row.version, unit, cost=row.cost, segments=json.loads(row.segments),
    )  # fmt: skip


def _text(state: State) -> str:
    # Not orjson, which has no infinity: the logarithm of nothing won yet.
    return json.dumps({"memory": asdict(state.memory), "ledger": state.ledger})


def _state(row: Row[Any]) -> State:
    kept = json.loads(row.memory)
    memory = Memory(**kept["memory"])
    memory.days = {int(day): sums for day, sums in memory.days.items()}
    memory.proofs = {name: _proof(one) for name, one in kept["memory"]["proofs"].items()}
    return State(
        row.epoch, row.digest, memory, row.arrival, row.looks, kept["ledger"], row.said, row.reason, row.looked
    )


def _proof(kept: dict[str, Any]) -> Proof:
    wealths = {name: Wealth(**kept[name]) for name in ("above", "below", "lately")}
    return Proof(**wealths, total=kept["total"])
