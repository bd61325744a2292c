"""Notes dead letters in the store's ledger: nobody waits for that, and none is forgotten while the store is down."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from sqlalchemy import Engine

from gateway.store import dead
from gateway.store.dead import Burial
from gateway.store.model import StoreDown

log = structlog.get_logger()

MOST = 10_000
"""Dead letters that wait for the store. Those beyond are noted when `understudy dead` sees them."""
STEP = 500
RETRY = 1.0
"""Seconds until a store that did not answer is asked again."""
PATIENCE = 5.0
"""Seconds that a stop waits for the store."""


class Burials:
    """One worker's."""

    def __init__(self, engine: Engine) -> None:
        """Opens no connection."""
        self._engine = engine
        self._waiting: list[Burial] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, burial: Burial) -> None:
        """Notes it soon."""
        if len(self._waiting) >= MOST:
            log.warning("dead_letter_not_noted", adapter=burial.adapter, letter=burial.letter)
            return
        self._waiting.append(burial)
        if self._task is None:
            self._task = asyncio.ensure_future(self._write())

    async def finish(self) -> None:
        """Returns when all are noted, or the store does not answer in time."""
        if self._task:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._task, PATIENCE)
        if self._waiting:
            log.warning("dead_letters_not_noted", count=len(self._waiting))

    async def _write(self) -> None:
        down = False
        while self._waiting:
            step: Sequence[Burial] = self._waiting[:STEP]
            try:
                await asyncio.to_thread(dead.note, self._engine, step)
            except StoreDown as error:
                if not down:
                    log.warning("store_down", reason=str(error), effect="dead letters are noted later")
                down = True
                await asyncio.sleep(RETRY)
                continue
            down = False
            del self._waiting[: len(step)]
        self._task = None
