"""Evidence epochs: statistics start anew with another model, mapping, rule or step, and after a resume."""

from sqlalchemy import Engine, func, insert, select

from gateway.store import tables
from gateway.store.engine import writing
from gateway.store.model import ALL


def epoch(engine: Engine, route: str, model: str, rules: str, step: str, revision: str = "") -> int:
    """The id of the route's epoch with this model tag, digest of mapping and rules, and step; begun if there is none.
    `revision` is of the data that the model was trained on, noted when it begins.

    Every replica with the same configuration gets the same one. An epoch begun before the latest resume of the route
    or of ALL is over, so ask again whenever a hold ends. Raises StoreDown."""
    table = tables.epoch
    same = (table.c.route == route) & (table.c.model == model) & (table.c.rules == rules) & (table.c.step == step)
    released = select(func.max(tables.hold.c.released_epoch)).where(tables.hold.c.scope.in_((route, ALL)))
    with writing(engine, lock=f"understudy epoch {route}") as connection:
        after = connection.execute(released).scalar() or 0
        found = connection.execute(select(func.max(table.c.id)).where(same & (table.c.id > after))).scalar()
        if found is None:
            row = {"route": route, "model": model, "rules": rules, "step": step, "revision": revision}
            found = connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one()
        return int(found)
