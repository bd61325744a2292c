"""What status, reports and guards ask the store. All raise StoreDown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, func, literal, select, union_all

from gateway.store import rollups, tables
from gateway.store.engine import reading
from gateway.store.joins import OPEN
from gateway.store.model import BALANCED, DISAGREE, PENDING, SEEN, Rollup
from gateway.store.text import dumps, loads


def ledger(engine: Engine, route: str) -> Mapping[str, int]:
    """The route's terms over all replicas, as of one moment; PENDING includes the calls that wait in the store."""
    booked = select(tables.ledger.c.term, tables.ledger.c.count).where(tables.ledger.c.route == route)
    waits = (tables.pending.c.route == route) & (tables.pending.c.state == OPEN)
    # One statement sees one moment, in every isolation level.
    moment = union_all(booked, select(literal(PENDING), func.count()).select_from(tables.pending).where(waits))
    terms: Counter[str] = Counter()
    with reading(engine) as connection:
        for term, count in connection.execute(moment):
            terms[term] += count
    return {term: count for term, count in sorted(terms.items()) if count}


def balance(terms: Mapping[str, int]) -> int:
    """Seen minus everything that became of it: 0 when not one call is unaccounted for. Pure."""
    return terms.get(SEEN, 0) - sum(count for term, count in terms.items() if term.partition(":")[0] in BALANCED)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Compared records and how many agreed, in all and by field: (agreed, compared)."""

    agreed: int
    compared: int
    fields: Mapping[str, tuple[int, int]]


def agreement(engine: Engine, route: str, epoch: int | None = None) -> Agreement:
    """Agreement in one epoch, or in all of them. From the roll-ups, so it survives the records."""
    table = tables.rollup
    chosen = select(table).where(table.c.route == route, table.c.compared != 0)
    total = Rollup()
    with reading(engine) as connection:
        for row in connection.execute(chosen if epoch is None else chosen.where(table.c.epoch == epoch)):
            total.merge(rollups.read(row))
    fields = {name: (agreed, compared) for name, (agreed, compared) in sorted(total.fields.items())}
    return Agreement(total.agreed, total.compared, fields)


def traffic(engine: Engine, route: str, since: datetime | None = None) -> Mapping[tuple[str, str], Rollup]:
    """By (source, stage): all sums, with the latencies; for a quantile `.latency["gateway"].quantile(0.99)`."""
    table = tables.rollup
    chosen = select(table).where(table.c.route == route)
    sums: dict[tuple[str, str], Rollup] = {}
    with reading(engine) as connection:
        for row in connection.execute(chosen if since is None else chosen.where(table.c.minute >= since)):
            sums.setdefault((row.source, row.stage), Rollup()).merge(rollups.read(row))
    return dict(sorted(sums.items()))


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A record on which the two disagree; `verdicts` says in which fields."""

    call_id: str
    index: int
    received: datetime
    source: str
    epoch: int
    model: str
    fields: Any
    incumbent: Any
    candidate: Any
    verdicts: Mapping[str, str]


def disagreements(engine: Engine, route: str, epoch: int | None = None, limit: int = 20) -> Sequence[Disagreement]:
    """The latest records that disagree, the newest first."""
    table = tables.record
    chosen = select(table).where(table.c.route == route, table.c.verdict == DISAGREE)
    if epoch is not None:
        chosen = chosen.where(table.c.epoch == epoch)
    with reading(engine) as connection:
        return [_disagreement(row) for row in connection.execute(chosen.order_by(table.c.id.desc()).limit(limit))]


def confusions(
    engine: Engine, route: str, field: str, epoch: int | None = None, sample: int = 10_000
) -> Sequence[tuple[Any, Any, int]]:
    """What the incumbent and the candidate say where they disagree on one field, the most frequent pair first, with
    its count, over the latest `sample` disagreements. Both answers must be mappings by canonical field."""
    pairs: Counter[tuple[str, str]] = Counter()
    for one in disagreements(engine, route, epoch, sample):
        if one.verdicts.get(field) == DISAGREE:
            pairs[dumps(_value(one.incumbent, field)), dumps(_value(one.candidate, field))] += 1
    return [(loads(incumbent), loads(candidate), count) for (incumbent, candidate), count in pairs.most_common()]


def _disagreement(row: Row[Any]) -> Disagreement:
    return Disagreement(
        row.call_id,
        row.position,
        row.received,
        row.source,
        row.epoch,
        row.model,
        loads(row.fields),
        loads(row.incumbent),
        loads(row.candidate),
        loads(row.verdicts),
    )


def _value(answer: Any, field: str) -> Any:
    return answer.get(field) if isinstance(answer, Mapping) else None
