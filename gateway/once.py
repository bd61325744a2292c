"""What may be used once only: tokens that no worker and no replica may see twice, shared in the store."""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy import Engine

from gateway.store import tokens
from gateway.store.model import StoreDown

log = structlog.get_logger()

REMEMBERED = 65_536
"""Tokens that a worker remembers by itself."""
PATIENCE = 1.0
"""Seconds that a caller waits for the store."""
RETRY = 1.0
"""Seconds until a store that did not answer is asked again."""
SWEEP = 256
"""Tokens after which those that have expired are removed."""


class Once:
    """Tells the first use of a token from any other.

    The store decides. While it does not answer, what this worker remembers does: a caller is answered then too, and a
    token could be used once at each worker until it expires."""

    def __init__(self, engine: Engine) -> None:
        """Opens no connection."""
        self._engine = engine
        self._threads = ThreadPoolExecutor(2, "once")
        self._seen: OrderedDict[tuple[str, bytes], float] = OrderedDict()
        self._retry = 0.0
        self._count = 0

    async def first(self, scope: str, token: bytes, ttl: float) -> bool:
        """Whether the token was not seen in this scope for `ttl` seconds."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self._remember((scope, token), now, now + ttl):
            return False
        if now < self._retry:
            return True
        try:
            async with asyncio.timeout(PATIENCE):
                self._sweep()
                return await loop.run_in_executor(self._threads, tokens.first, self._engine, scope, token, ttl)
        except (StoreDown, TimeoutError) as error:
            self._retry = loop.time() + RETRY
            log.warning("store_down", reason=str(error), effect="tokens are known to this worker only")
            return True

    def _remember(self, key: tuple[str, bytes], now: float, expires: float) -> bool:
        """Whether it was unknown. The oldest is forgotten first, when there are too many."""
        if self._seen.get(key, 0.0) > now:
            return False
        self._seen[key] = expires
        self._seen.move_to_end(key)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def _sweep(self) -> None:
        self._count += 1
        if self._count % SWEEP == 0:
            self._threads.submit(self._swept)

    def _swept(self) -> None:
        try:
            tokens.sweep(self._engine)
        except StoreDown as error:
            log.warning("not_swept", reason=str(error))
