"""Tokens that may be used once only, as digests."""

from datetime import timedelta

from sqlalchemy import Engine, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.engine import writing
from gateway.store.replicas import clock
from gateway.store.tables import token as table


def first(engine: Engine, scope: str, token: bytes, ttl: float) -> bool:
    """Whether the token was not seen in this scope for `ttl` seconds, by the database's clock. Raises StoreDown."""
    with writing(engine) as connection:
        now = clock(connection)
        insert = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
        row = insert.values(scope=scope, token=token, expires=now + timedelta(seconds=ttl))
        # One that has expired and was not swept yet is as good as none.
        taken = row.on_conflict_do_update(
            index_elements=["scope", "token"], set_={"expires": row.excluded.expires}, where=table.c.expires <= now
        )
        return connection.execute(taken.returning(table.c.scope)).first() is not None


def sweep(engine: Engine, limit: int = 1000) -> int:
    """Removes at most `limit` tokens that have expired; returns how many. Raises StoreDown."""
    with writing(engine) as connection:
        key = (table.c.scope, table.c.token)
        # Rows that another sweeper has in hand are its own: waiting for them could end in a deadlock.
        old = select(*key).where(table.c.expires <= clock(connection)).limit(limit).with_for_update(skip_locked=True)
        return connection.execute(delete(table).where(tuple_(*key).in_(old))).rowcount
