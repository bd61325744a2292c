"""What the ledger remembers, beside its balance, of what each worker has told: so that a new observer counts on."""

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import Engine, func, select

from gateway.store.engine import reading
from gateway.store.tables import ledger

PREFIX = "told"


def told(worker: str, term: str) -> str:
    """The ledger's name of a count that a worker told."""
    return f"{PREFIX}:{worker}:{term}"


def remembered(engine: Engine) -> Mapping[str, Counter[tuple[str, str]]]:
    """By worker: (route, term) to the count booked so far, over all observers. Raises StoreDown."""
    total = func.sum(ledger.c.count)
    mine = select(ledger.c.route, ledger.c.term, total).where(ledger.c.term.startswith(f"{PREFIX}:", autoescape=True))
    workers: dict[str, Counter[tuple[str, str]]] = {}
    with reading(engine) as connection:
        for route, name, count in connection.execute(mine.group_by(ledger.c.route, ledger.c.term)):
            _, worker, term = name.split(":", 2)
            workers.setdefault(worker, Counter())[route, term] = int(count)
    return workers
