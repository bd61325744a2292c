"""What the store knows of a route's candidate: agreement of the model and the rules that are judged now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from gateway.store import queries, tables
from gateway.store.engine import reading
from gateway.store.histogram import Histogram
from gateway.store.sums import Rollup
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
    revision: str
    """Of the data that the model was trained on, where its schema says so."""


@dataclass(slots=True, frozen=True)
class Evidence:
    """Agreement over all steps of one model with one set of rules; `model` is empty where no epoch was ever begun,
    and then this is all that there is."""

    model: str
    epochs: Sequence[int]
    agreement: queries.Agreement
    sums: Rollup


def epochs(engine: Engine, route: str) -> Sequence[Epoch]:
    """The route's epochs, the latest first. Raises StoreDown."""
    table = tables.epoch
    columns = (table.c.id, table.c.started, table.c.model, table.c.rules, table.c.step, table.c.revision)
    chosen = select(*columns).where(table.c.route == route).order_by(table.c.id.desc())
    with reading(engine) as connection:
        return [Epoch(*row) for row in connection.execute(chosen)]


def of_latest(begun: Sequence[Epoch]) -> list[int]:
    """The epochs of the latest model and rules, the latest first."""
    return [one.id for one in begun if (one.model, one.rules) == (begun[0].model, begun[0].rules)]


def evidence(engine: Engine, route: str, begun: Sequence[Epoch]) -> Evidence:
    """Of the latest epoch's model and rules, so that a move between stages forgets nothing. Raises StoreDown."""
    numbers = of_latest(begun)
    found = queries.sums(engine, route, lambda _: None, epochs=numbers or None).get(None, Rollup())
    return Evidence(begun[0].model if begun else "", numbers, queries.agreed(found), found)


def confusions(sums: Rollup) -> Mapping[str, Sequence[tuple[Any, Any, int]]]:
    """Fields of few texts on which the two disagree: (incumbent, candidate, records), the most frequent first."""
    kept: dict[str, Sequence[tuple[Any, Any, int]]] = {}
    for name in sums.pairs:
        pairs = queries.confused(sums, name)
        values = {value for theirs, ours, _ in pairs for value in (theirs, ours)} - {None}
        if 0 < len(values) <= FEW:
            kept[name] = pairs
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
