"""What the store knows of a route's candidate: agreement of the model and the rules that are judged now."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from gateway.store import queries, tables
from gateway.store.engine import reading
from gateway.store.histogram import Histogram
from gateway.store.model import Rollup
from gateway.store.told import PREFIX

FEW = 20
"""Values that a field may have to be shown as a confusion."""


@dataclass(slots=True, frozen=True)
class Epoch:
    """One epoch of the store."""

    id: int
    started: datetime
    model: str
    rules: str
    step: str


@dataclass(slots=True, frozen=True)
class Evidence:
    """Agreement over all steps of one model with one set of rules; `model` is empty where no epoch was ever begun,
    and then this is all that there is."""

    model: str
    epochs: Sequence[int | None]
    agreement: queries.Agreement


def epochs(engine: Engine, route: str) -> Sequence[Epoch]:
    """The route's epochs, the latest first. Raises StoreDown."""
    table = tables.epoch
    columns = (table.c.id, table.c.started, table.c.model, table.c.rules, table.c.step)
    chosen = select(*columns).where(table.c.route == route).order_by(table.c.id.desc())
    with reading(engine) as connection:
        return [Epoch(*row) for row in connection.execute(chosen)]


def evidence(engine: Engine, route: str, begun: Sequence[Epoch]) -> Evidence:
    """Of the latest epoch's model and rules, so that a move between stages forgets nothing. Raises StoreDown."""
    numbers: list[int | None] = [one.id for one in begun if (one.model, one.rules) == (begun[0].model, begun[0].rules)]
    numbers = numbers or [None]
    total = Rollup()
    for number in numbers:
        part = queries.agreement(engine, route, number)
        pairs = {name: list(pair) for name, pair in part.fields.items()}
        total.merge(Rollup(agreed=part.agreed, compared=part.compared, fields=pairs))
    counted = {name: (agreed, compared) for name, (agreed, compared) in total.fields.items()}
    return Evidence(begun[0].model if begun else "", numbers, queries.Agreement(total.agreed, total.compared, counted))


def confusions(
    engine: Engine, route: str, found: Evidence
) -> Mapping[str, Sequence[tuple[Any, Any, int]]]:  # fmt: skip
    """Fields of few texts on which the two disagree: (incumbent, candidate, records), the most frequent first."""
    kept: dict[str, Sequence[tuple[Any, Any, int]]] = {}
    for name, (agreed, compared) in found.agreement.fields.items():
        if agreed == compared:
            continue
        pairs: Counter[tuple[Any, Any]] = Counter()
        for number in found.epochs:
            for incumbent, candidate, count in queries.confusions(engine, route, name, number):
                if isinstance(incumbent, str | None) and isinstance(candidate, str | None):
                    pairs[incumbent, candidate] += count
        values = {value for pair in pairs for value in pair} - {None}
        if 0 < len(values) <= FEW:
            kept[name] = [(incumbent, candidate, count) for (incumbent, candidate), count in pairs.most_common()]
    return kept


def ledger(engine: Engine, route: str) -> Mapping[str, int]:
    """The ledger's terms without the workers' own accounts. Raises StoreDown."""
    terms = queries.ledger(engine, route)
    return {term: count for term, count in terms.items() if not term.startswith(f"{PREFIX}:")}


def total(rollups: Sequence[Rollup]) -> Rollup:
    """All sums together."""
    sums = Rollup()
    for one in rollups:
        sums.merge(one)
    return sums


def latencies(rollup: Rollup) -> dict[str, dict[str, float | None]]:
    """Milliseconds: `{"incumbent": {"p50", "p99"}, "candidate": ..., "gateway": ...}`; null where none was timed."""
    who = {name: rollup.latency.get(name, Histogram()) for name in ("incumbent", "candidate", "gateway")}
    return {name: {"p50": one.quantile(0.5), "p99": one.quantile(0.99)} for name, one in who.items()}
