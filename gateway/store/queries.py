"""What status, reports and guards ask the store. All raise StoreDown."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, func, literal, select, union_all

from gateway.store import rollups, tables
from gateway.store.engine import reading
from gateway.store.joins import OPEN
from gateway.store.model import BALANCED, DISAGREE, PENDING, SEEN, Slot
from gateway.store.sums import Rollup
from gateway.store.text import loads


def ledger(engine: Engine, route: str) -> Mapping[str, int]:
    """The route's terms over all replicas, as of one moment; PENDING includes the calls that wait in the store."""
    with reading(engine) as connection:
        return terms(connection, route)


def terms(connection: Connection, route: str) -> Mapping[str, int]:
    """The same within a transaction."""
    booked = select(tables.ledger.c.term, tables.ledger.c.count).where(tables.ledger.c.route == route)
    waits = (tables.pending.c.route == route) & (tables.pending.c.state == OPEN)
    # One statement sees one moment, in every isolation level.
    moment = union_all(booked, select(literal(PENDING), func.count()).select_from(tables.pending).where(waits))
    found: Counter[str] = Counter()
    for term, count in connection.execute(moment):
        found[term] += count
    return {term: count for term, count in sorted(found.items()) if count}


def balance(terms: Mapping[str, int]) -> int:
    """Seen minus everything that became of it: 0 when not one call is unaccounted for. Pure."""
    return terms.get(SEEN, 0) - sum(count for term, count in terms.items() if term.partition(":")[0] in BALANCED)


K = TypeVar("K")


def sums(
    engine: Engine, route: str, by: Callable[[Slot], K], since: datetime | None = None,
    epochs: Collection[int] | None = None,
) -> dict[K, Rollup]:  # fmt: skip
    """The route's roll-ups added up by whatever `by` makes of a slot, in one pass; of some epochs only, if given.

    Costs minutes, not calls. `since` is to the minute; of what is older to the quarter of an hour, then to the hour
    (see `retention.gather`)."""
    table = tables.rollup
    chosen = select(table).where(table.c.route == route)
    if since is not None:
        chosen = chosen.where(table.c.minute >= since)
    if epochs is not None:
        chosen = chosen.where(table.c.epoch.in_(epochs))
    found: dict[K, Rollup] = {}
    with reading(engine) as connection:
        for row in connection.execute(chosen):
            slot = Slot(row.route, row.stage, row.source, row.epoch, row.minute)
            found.setdefault(by(slot), Rollup()).merge(rollups.read(row))
    return found


@dataclass(frozen=True, slots=True)
class Agreement:
    """Compared records and how many agreed, in all and by field: (agreed, compared)."""

    agreed: int
    compared: int
    fields: Mapping[str, tuple[int, int]]


def agreement(engine: Engine, route: str, epoch: int | None = None) -> Agreement:
    """Agreement in one epoch, or in all of them. From the roll-ups, so it survives the records."""
    return agreed(sums(engine, route, lambda _: None, epochs=None if epoch is None else [epoch]).get(None, Rollup()))


def agreed(total: Rollup) -> Agreement:
    """The agreement of sums."""
    fields = {name: (agreed, compared) for name, (agreed, compared) in sorted(total.fields.items())}
    return Agreement(total.agreed, total.compared, fields)


def traffic(engine: Engine, route: str, since: datetime | None = None) -> Mapping[tuple[str, str], Rollup]:
    """By (source, stage): all sums, with the latencies; for a quantile `.latency["gateway"].quantile(0.99)`."""
    return dict(sorted(sums(engine, route, lambda slot: (slot.source, slot.stage), since).items()))


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as it was kept; `verdicts` says which fields agree."""

    call_id: str
    index: int
    received: datetime
    source: str
    epoch: int
    model: str
    verdict: str
    fields: Any
    incumbent: Any
    candidate: Any
    verdicts: Mapping[str, str]
    distances: Mapping[str, float]
    cost: float
    late: bool


def disagreements(engine: Engine, route: str, epoch: int | None = None, limit: int = 20) -> Sequence[Kept]:
    """The latest records that disagree, the newest first."""
    table = tables.record
    chosen = select(table).where(table.c.route == route, table.c.verdict == DISAGREE)
    if epoch is not None:
        chosen = chosen.where(table.c.epoch == epoch)
    with reading(engine) as connection:
        return [_kept(row) for row in connection.execute(chosen.order_by(table.c.id.desc()).limit(limit))]


def confusions(engine: Engine, route: str, field: str, epoch: int | None = None) -> Sequence[tuple[Any, Any, int]]:
    """What the incumbent and the candidate say where they disagree on one field of texts, the most frequent pair
    first, with its count. From the roll-ups."""
    total = sums(engine, route, lambda _: None, epochs=None if epoch is None else [epoch]).get(None, Rollup())
    return confused(total, field)


def confused(total: Rollup, field: str) -> Sequence[tuple[Any, Any, int]]:
    """The same of sums."""
    pairs = [(*pair, disagreeing) for pair, (_, disagreeing) in total.pairs.get(field, {}).items() if disagreeing]
    return sorted(pairs, key=lambda pair: (-pair[2], str(pair)))


def sample(engine: Engine, route: str, epoch: int, size: int = 1000) -> Sequence[Kept]:
    """A fair sample of the epoch's records, the same at every look until more come; at most `size`.

    The lowest of random lots are drawn: a bottom-k sample (Cohen, Kaplan, PODC 2007) needs no table of its own, adds
    up over replicas and loses nothing but what is removed."""
    table = tables.record
    chosen = select(table).where(table.c.route == route, table.c.epoch == epoch).order_by(table.c.lot).limit(size)
    with reading(engine) as connection:
        return [_kept(row) for row in connection.execute(chosen)]


def history(
    engine: Engine, route: str, since: datetime | None = None, limit: int = 100_000, chunk: int = 256
) -> Iterator[Sequence[Kept]]:
    """The latest `limit` records of the route since then, the oldest first, some at a time; no transaction stays open
    in between."""
    table = tables.record
    mine = table.c.route == route
    mine = mine if since is None else mine & (table.c.received >= since)
    latest = select(table.c.id).where(mine).order_by(table.c.id.desc()).limit(limit).subquery()
    with reading(engine) as connection:
        after = (connection.execute(select(func.min(latest.c.id))).scalar() or 1) - 1
    while True:
        with reading(engine) as connection:
            rows = connection.execute(
                select(table).where(mine, table.c.id > after).order_by(table.c.id).limit(chunk)
            ).all()
        if not rows:
            return
        after = rows[-1].id
        yield [_kept(row) for row in rows]


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        row.call_id,
        row.position,
        row.received,
        row.source,
        row.epoch,
        row.model,
        row.verdict,
        loads(row.fields),
        loads(row.incumbent),
        loads(row.candidate),
        loads(row.verdicts),
        loads(row.distances),
        row.cost,
        row.late,
    )
