"""What holds and plans allow, as of one moment."""

from sqlalchemy import Engine

from gateway.cutover import Caps
from gateway.store import holds, plans
from gateway.store.engine import reading


def caps(engine: Engine) -> Caps:
    """The caps in force for every route. Raises StoreDown."""
    with reading(engine) as connection:
        return Caps(holds.reasons(connection), plans.allowed(connection), known=True)
