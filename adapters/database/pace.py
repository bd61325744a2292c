"""How fast a poller goes: at once while there is work, ever more seldom while there is none, never above its budget.

While rows come one at a time it looks 20 times as often as a poll each `slowest` would; ever more seldom where none has
come for `slowest`; as often as that poll where none has for 20 times `slowest`, or where it is told of rows.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from adapters.database.config import Poll

PATIENCE = 10.0
"""Seconds between two attempts, at most, while the database does not answer, or nobody can be asked."""
SHARE = 1 / 20
"""Of the slowest pause, which lies between looks soon after a row, and of the quiet time, which does from then on."""
REST = 2.0
"""How many times as long as a look the pause after it is at least: nobody looks at a table for more than a third of the
time, however large it is and whatever index it lacks."""


class Pace:
    """The pauses of one poller."""

    def __init__(self, poll: Poll, rows: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        """`rows` a second at most; seconds by the `clock`."""
        self._poll = poll
        self._rows = rows
        self._clock = clock
        self._pause = 0.0
        self._chain = False
        """Whether rows come as soon as the one before is answered."""
        self._failing = 0.0
        self._free = self._found = self._began = clock()
        self.arrived = asyncio.Event()
        """Set by whoever knows that there is work."""

    def looks(self) -> None:
        """Before each look; so nothing that is told meanwhile is lost."""
        self.arrived.clear()
        self._began = self._clock()

    def worked(self, rows: int) -> None:
        """After a look that found so many rows."""
        self._failing = 0.0
        now = self._clock()
        if rows:
            self._chain = now - self._found < 2 * SHARE * self._poll.slowest
            self._found = now
        took = now - self._began
        self._pause = max(self._interval(now - self._found) - took, min(REST * took, PATIENCE))
        if self._rows:
            self._free = max(self._free, now) + rows / self._rows

    def _interval(self, quiet: float) -> float:
        """Seconds between two looks where no row has been found for `quiet` seconds."""
        if self._poll.listen:
            return self._poll.slowest
        soon = SHARE * self._poll.slowest
        if self._chain:  # the next row comes within milliseconds, or the chain has ended
            soon = min(2 * quiet, soon)
        return min(max(self._poll.fastest, soon, SHARE * quiet), self._poll.slowest)

    def failed(self) -> None:
        """After an attempt that the database refused."""
        self._failing = min(max(self._failing * 2, 0.2), PATIENCE)

    def wait(self, found: bool) -> float:
        """Seconds until the next look, none after work within the budget."""
        return self._failing or max(self._owed(), 0.0 if found else self._pause)

    def _owed(self) -> float:
        return self._free - self._clock()

    async def pause(self, stop: asyncio.Event, found: bool) -> bool:
        """Waits for the next look, no longer than until `stop`; returns at once, and false, after work within the
        budget."""
        wait = self.wait(found)
        if wait <= 0:
            return False
        ends = [asyncio.ensure_future(stop.wait())]
        if not self._failing and self._owed() <= 0:
            ends.append(asyncio.ensure_future(self.arrived.wait()))
        try:
            await asyncio.wait(ends, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in ends:
                one.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*ends, return_exceptions=True)
        return True
