"""What an adapter must have durable before it goes on, such as a reply before it is published; shared in the store."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy import Engine

from gateway.contract import Call, NotKept, Undecodable, Unmappable
from gateway.store import joins, values
from gateway.store.engine import reading
from gateway.store.model import StoreDown
from gateway.store.secret import digest, secret
from gateway.table import Bound

log = structlog.get_logger()
T = TypeVar("T")

PATIENCE = 5.0
"""Seconds that the store may take."""
PAGE = 1000
"""Locators given at once."""
SWEEP = 256
"""Writes after which what has expired is removed."""


Persons = tuple[str, Sequence[str]]
"""A route, and the business keys of a message's records."""


def persons(bound: Bound | None, call: Call) -> Persons | None:
    """Whom a call is about; None where that cannot be told."""
    if bound is None or (field := bound.settings.key) is None:
        return None
    try:
        records = bound.mapping.requests(call.payload)
    except (Undecodable, Unmappable):
        return None
    return bound.route, [str(key) for record in records if (key := record.get(field)) is not None]


class Kept:
    """Keeps values by token. The first value of a token stands, whoever kept it."""

    def __init__(self, engine: Engine) -> None:
        """Opens no connection."""
        self._engine = engine
        self._threads = ThreadPoolExecutor(2, "kept")
        self._count = 0
        self._secret = b""

    async def keep(
        self, scope: str, given: Mapping[bytes, bytes], ttl: float, about: Mapping[bytes, Persons | None]
    ) -> Mapping[bytes, bytes]:
        """What stands under these tokens, durable. `about` says by token whose a value is, where that is known.
        Raises NotKept."""
        self._count += 1
        if self._count % SWEEP == 0:
            self._threads.submit(self._sweep)
        return await self._asked(partial(self._keep, scope, given, ttl, about))

    async def kept(self, scope: str, tokens: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """What stands under these tokens. Raises NotKept."""
        return await self._asked(partial(values.kept, self._engine, scope, tokens))

    async def waiting(self, route: str, source: str, after: str) -> Sequence[str]:
        """Locators of the calls of a source that wait for their answer, a thousand at most. Raises NotKept."""
        return await self._asked(partial(_locators, self._engine, route, source, after))

    def _keep(
        self, scope: str, given: Mapping[bytes, bytes], ttl: float, about: Mapping[bytes, Persons | None]
    ) -> Mapping[bytes, bytes]:
        known = {token: found for token, found in about.items() if found}
        if known and not self._secret:
            self._secret = secret(self._engine)
        whose = {token: [digest(self._secret, route, key) for key in keys] for token, (route, keys) in known.items()}
        return values.keep(self._engine, scope, given, ttl, whose)

    async def _asked(self, question: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.get_running_loop().run_in_executor(self._threads, question)
        except (StoreDown, TimeoutError) as error:
            raise NotKept(str(error) or f"the store did not answer within {PATIENCE:g} s") from error

    def _sweep(self) -> None:
        try:
            values.sweep(self._engine)
        except StoreDown as error:
            log.warning("not_swept", reason=str(error))


def _locators(engine: Engine, route: str, source: str, after: str) -> Sequence[str]:
    with reading(engine) as connection:
        return joins.locators(connection, route, source, after, PAGE)
