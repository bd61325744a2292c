"""How fast a poller goes: at once while there is work, ever more seldom while there is none, never above its budget."""

import asyncio
import time
from contextlib import suppress

from adapters.database.config import Poll

PATIENCE = 10.0
"""Seconds between two attempts, at most, while the database does not answer, or nobody can be asked."""
SLOWER = 1.2
"""How much longer each pause is than the one before: a row that comes after a quiet time waits a tenth of that time."""


class Pace:
    """The pauses of one poller."""

    def __init__(self, poll: Poll, rows: int | None) -> None:
        """`rows` a second at most."""
        self._poll = poll
        self._rows = rows
        self._pause = poll.fastest
        self._failing = 0.0
        self._free = time.monotonic()
        self.arrived = asyncio.Event()
        """Set by whoever knows that there is work; cleared before each look, so that nothing told meanwhile is lost."""

    def worked(self, rows: int) -> None:
        """After a look that found so many rows."""
        self._failing = 0.0
        self._pause = self._poll.fastest if rows else min(self._pause * SLOWER, self._poll.slowest)
        if self._rows:
            self._free = max(self._free, time.monotonic()) + rows / self._rows

    def failed(self) -> None:
        """After an attempt that the database refused."""
        self._failing = min(max(self._failing * 2, 0.2), PATIENCE)

    async def pause(self, stop: asyncio.Event, found: bool) -> bool:
        """Waits for the next look, no longer than until `stop`; returns at once, and false, after work within the
        budget."""
        owed = self._free - time.monotonic()
        wait = self._failing or max(owed, 0.0 if found else self._pause)
        if wait <= 0:
            return False
        ends = [asyncio.ensure_future(stop.wait())]
        if not self._failing and owed <= 0:
            ends.append(asyncio.ensure_future(self.arrived.wait()))
        try:
            await asyncio.wait(ends, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in ends:
                one.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*ends, return_exceptions=True)
        return True
