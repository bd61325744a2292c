"""Values by token with a time to live: replies that are sent again when their request comes again."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from sqlalchemy import Engine, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.engine import reading, writing
from gateway.store.replicas import clock
from gateway.store.tables import value as table


def keep(
    engine: Engine, scope: str, values: Mapping[bytes, bytes], ttl: float,
    whose: Mapping[bytes, Sequence[bytes]] = MappingProxyType({}),
) -> Mapping[bytes, bytes]:  # fmt: skip
    """Keeps the values for `ttl` seconds by the database's clock; what was kept first, and has not expired, stands
    and is returned instead. `whose` has the HMACs of the keys that a value is about, by token, where they are known.
    Committed when it returns. Raises StoreDown."""
    if not values:
        return {}
    with writing(engine) as connection:
        now = clock(connection)
        insert = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
        # In one order everywhere, or two writers of the same tokens could each wait for the other.
        rows = [
            {"scope": scope, "token": token, "value": values[token], "expires": now + timedelta(seconds=ttl),
             "persons": b"".join(whose[token]) if token in whose else None}
            for token in sorted(values)
        ]  # fmt: skip
        changed = {name: insert.excluded[name] for name in ("value", "expires", "persons")}
        connection.execute(
            insert.on_conflict_do_update(index_elements=["scope", "token"], set_=changed, where=table.c.expires <= now),
            rows,
        )
        standing = select(table.c.token, table.c.value).where(table.c.scope == scope, table.c.token.in_(values))
        return {bytes(token): bytes(value) for token, value in connection.execute(standing)}


def kept(engine: Engine, scope: str, tokens: Sequence[bytes]) -> Mapping[bytes, bytes]:
    """The values that stand under these tokens. Raises StoreDown."""
    if not tokens:
        return {}
    with reading(engine) as connection:
        mine = (table.c.scope == scope) & table.c.token.in_(tokens) & (table.c.expires > clock(connection))
        rows = connection.execute(select(table.c.token, table.c.value).where(mine))
        return {bytes(token): bytes(value) for token, value in rows}


def sweep(engine: Engine, limit: int = 1000) -> int:
    """Removes at most `limit` values that have expired; returns how many. Raises StoreDown."""
    with writing(engine) as connection:
        key = (table.c.scope, table.c.token)
        # Rows that another sweeper has in hand are its own: waiting for them could end in a deadlock.
        old = select(*key).where(table.c.expires <= clock(connection)).limit(limit).with_for_update(skip_locked=True)
        return connection.execute(delete(table).where(tuple_(*key).in_(old))).rowcount
