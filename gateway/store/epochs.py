"""Evidence epochs: statistics start anew with another model, mapping, rule or step, and after a resume."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import ColumnElement, Engine, func, insert, select

from gateway.store import tables
from gateway.store.engine import reading, writing
from gateway.store.model import ALL
from gateway.store.queries import terms
from gateway.store.replicas import clock


def epoch(engine: Engine, route: str, model: str, rules: str, step: str, revision: str = "") -> int:
    """The id of the route's epoch with this model tag, digest of mapping and rules, and step; begun if there is none.
    `revision` is of the data that the model was trained on, noted when it begins.

    Every replica with the same configuration gets the same one. An epoch begun before the latest resume of the route
    or of ALL is over, so ask again whenever a hold ends. Raises StoreDown."""
    table = tables.epoch
    with writing(engine, lock=f"understudy epoch {route}") as connection:
        found = connection.execute(select(func.max(table.c.id)).where(_same(route, model, rules, step))).scalar()
        if found is None:
            row = {"route": route, "model": model, "rules": rules, "step": step, "revision": revision}
            row["ledger"] = orjson.dumps(terms(connection, route)).decode()
            found = connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one()
        return int(found)


@dataclass(slots=True, frozen=True)
class Begun:
    """An epoch that is not over, and the database's clock when it was looked for."""

    id: int
    started: datetime
    now: datetime
    ledger: Mapping[str, int] | None
    """The route's when it began; None where it was begun by an older version."""


def current(engine: Engine, route: str, model: str, rules: str, step: str) -> Begun | None:
    """The epoch that `epoch` would give; None where none was begun yet. Raises StoreDown."""
    table = tables.epoch
    chosen = select(table.c.id, table.c.started, table.c.ledger).where(_same(route, model, rules, step))
    with reading(engine) as connection:
        row = connection.execute(chosen.order_by(table.c.id.desc()).limit(1)).one_or_none()
        if row is None:
            return None
        ledger = None if row.ledger is None else orjson.loads(row.ledger)
        return Begun(row.id, row.started, clock(connection), ledger)


def _same(route: str, model: str, rules: str, step: str) -> ColumnElement[bool]:
    """Begun with these, and after the latest resume."""
    table = tables.epoch
    released = select(func.coalesce(func.max(tables.hold.c.released_epoch), 0))
    after = released.where(tables.hold.c.scope.in_((route, ALL))).scalar_subquery()
    same = (table.c.route == route) & (table.c.model == model) & (table.c.rules == rules) & (table.c.step == step)
    return same & (table.c.id > after)
