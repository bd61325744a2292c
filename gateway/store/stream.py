"""All records of a route, a step at a time, so that no answer of any size is held in memory."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, select, update

from gateway.store import tables
from gateway.store.engine import reading, writing

STEP = 2000


def stream(engine: Engine, route: str, since: datetime | None = None) -> Iterator[Sequence[Row[Any]]]:
    """Rows of `record`, with the epoch's `revision` and `step`, in the order in which they were written.

    At most STEP at once, each step in a transaction of its own: a long reading keeps nobody from writing. Raises
    StoreDown."""
    record, epoch = tables.record, tables.epoch
    joined = record.outerjoin(epoch, record.c.epoch == epoch.c.id)
    chosen = select(record, epoch.c.revision, epoch.c.step).select_from(joined).where(record.c.route == route)
    if since is not None:
        chosen = chosen.where(record.c.received >= since)
    last = 0
    while True:
        with reading(engine) as connection:
            rows = connection.execute(chosen.where(record.c.id > last).order_by(record.c.id).limit(STEP)).all()
        if not rows:
            return
        yield rows
        last = rows[-1].id


def rewrite(engine: Engine, changes: Sequence[dict[str, Any]]) -> None:
    """Replaces texts of records: each change has `id`, `fields`, `incumbent` and `candidate`. Raises StoreDown."""
    if not changes:
        return
    with writing(engine) as connection:
        for change in changes:
            values = {name: value for name, value in change.items() if name != "id"}
            connection.execute(update(tables.record).where(tables.record.c.id == change["id"]).values(values))
