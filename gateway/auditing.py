"""The observer's part in the audit chain: it notes the configuration it takes up, and logs every new head.

The log is usually kept elsewhere than the store, so a chain whose end was cut off can be held against it.
"""

import asyncio
import hashlib
import socket
from contextlib import suppress

import structlog
from sqlalchemy import Engine

from gateway.config import Loaded
from gateway.store import audit
from gateway.store.model import ALL, StoreDown

log = structlog.get_logger()

LOOK = 2.0
"""Seconds between two looks at the chain."""


class Auditing:
    """One gateway's. While the store is down it waits and notes what is in force then."""

    def __init__(self, engine: Engine, loaded: Loaded) -> None:
        self._engine = engine
        self._who = f"gateway on {socket.gethostname()}"
        self._head = audit.EMPTY
        self._noted = ""
        self.loaded = loaded
        """The configuration in force; set it at a reload."""

    async def run(self) -> None:
        """Notes and logs until cancelled."""
        while True:
            with suppress(StoreDown):  # the observer, which writes far more often, says so
                await asyncio.to_thread(self._look)
            await asyncio.sleep(LOOK)

    def _look(self) -> None:
        loaded = self.loaded
        if self._noted != loaded.version:
            self._note(loaded)
            self._noted = loaded.version
        if (head := audit.head(self._engine)) != self._head:
            self._head = head
            log.info("audited", head=head)

    def _note(self, loaded: Loaded) -> None:
        """Appends the configuration, unless it is the one this gateway noted last: observers may be restarted."""
        last = audit.latest(self._engine, self._who, "configuration")
        before = last.event.after if last else ""
        if before != loaded.version:
            digest = hashlib.sha256(loaded.text.encode()).hexdigest()
            stages = ", ".join(f"{name} {route.configured}" for name, route in loaded.config.routes.items())
            details = {"file": loaded.path.name, "sha256": digest, "stages": stages}
            event = audit.Event(self._who, "configuration", ALL, before, loaded.version, "taken up", details)
            audit.record(self._engine, event)
