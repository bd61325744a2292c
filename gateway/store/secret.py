"""Business keys are kept as keyed digests only, so that records of one customer meet without naming the customer."""

import hashlib
import hmac
import secrets

from sqlalchemy import Engine, select

from gateway.store import upsert
from gateway.store.engine import writing
from gateway.store.tables import secret as table

SIZE = 16
"""Bytes of a digest."""


def secret(engine: Engine, name: str = "key") -> bytes:
    """The secret of this name: 32 random bytes, made once, the same for every replica. Raises StoreDown."""
    with writing(engine) as connection:
        upsert.ignoring(connection, table, [{"name": name, "value": secrets.token_bytes(32)}], ("name",))
        return bytes(connection.execute(select(table.c.value).where(table.c.name == name)).scalar_one())


def digest(secret: bytes, route: str, key: str) -> bytes:
    """The first 16 bytes of HMAC-SHA256 of route, NUL, key: the same customer differs from route to route."""
    return hmac.digest(secret, f"{route}\0{key}".encode("utf-8", "surrogatepass"), hashlib.sha256)[:SIZE]
