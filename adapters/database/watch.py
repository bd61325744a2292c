"""Rows that the old batch answers, only read: snapshotted when first seen, joined with the answer when it is written.

Keeps in memory which rows it has seen and which of these still wait. The second is in the store as well, so that any
worker goes on where another one stopped.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from adapters.database.calls import Calls, located
from adapters.database.desk import Desk
from adapters.database.find import Position
from adapters.database.layout import Key
from adapters.database.rows import RowRaw
from adapters.database.work import Seen
from gateway.contract import By, Call, Gateway, NotKept, Relayed

Replies = tuple[Mapping[Key, RowRaw], set[Key]]
Run = Callable[[Callable[[], Replies]], Awaitable[Replies]]
"""Runs something that blocks in the poller's thread."""
REMEMBERED = 1_000_000
"""Rows that a watcher remembers; beyond that the oldest are seen anew, and recorded once all the same."""
PART = 500
"""Rows whose answers are looked for at once."""


class Watch:
    """One table's rows that wait for the batch."""

    def __init__(self, desk: Desk, calls: Calls, reconcile: float) -> None:
        self._desk = desk
        self._calls = calls
        self._reconcile = reconcile
        self._seen: dict[Key, bool] = {}
        """Rows that were seen; whether their answer is waited for."""
        self._after: Position | None = None
        self._begun = time.monotonic()
        self._whole = True
        """Whether a look from the beginning is under way."""
        self._joined = time.monotonic()
        self._primed = False

    async def prime(self, gateway: Gateway) -> None:
        """Takes over from the store what still waits for its answer, seen by whoever watched before."""
        after = ""
        try:
            while not self._primed:
                locators = await gateway.waiting(self._calls.source, self._calls.operation, after)
                self._seen.update((located(one), True) for one in locators)
                self._primed = not locators
                after = locators[-1] if locators else ""
        except NotKept:
            return  # tried again at the next look

    def again(self) -> None:
        """Has the store asked again what waits."""
        self._primed = False

    def page(self, limit: int) -> tuple[Sequence[Seen], int]:
        """Rows that wait and have not been seen, in order, and how many were read for that. Blocks.

        Goes on where it stopped; from the beginning again as often as `reconcile` says, for rows that came late."""
        if not self._whole and time.monotonic() - self._begun >= self._reconcile:
            self._after, self._begun, self._whole = None, time.monotonic(), True
        rows = self._desk.page(self._after, limit)
        self._after = rows[-1].place if rows else self._after
        self._whole &= len(rows) == limit
        return [row for row in rows if row.key not in self._seen], len(rows)

    async def sort(self, gateway: Gateway, rows: Sequence[Seen], claiming: bool) -> Sequence[Key]:
        """Has rows that the batch answers witnessed; returns the keys of those that the candidate is to answer."""
        ours: list[Key] = []
        for row in rows:
            call = self._calls.call(row)
            decision = gateway.foresee(call)
            if decision is None:
                continue
            if decision.by is By.CANDIDATE:
                ours += [row.key] if claiming else []
                continue
            await self._witness(gateway, call, row.key, decision.observed)
        return ours

    async def _witness(self, gateway: Gateway, call: Call, key: Key, observed: bool) -> None:
        if observed:
            await gateway.witness(call, None)
        self._remember(key, observed)

    def _remember(self, key: Key, waits: bool) -> None:
        self._seen[key] = waits
        if len(self._seen) > REMEMBERED:
            self._seen.pop(next(iter(self._seen)))

    async def join(self, gateway: Gateway, run: Run) -> int:
        """Looks whether rows that wait have been answered, as often as `reconcile` says; returns for how many."""
        if time.monotonic() - self._joined < self._reconcile:
            return 0
        found = 0
        keys = list(self._seen)
        for at in range(0, len(keys), PART):
            found += await self._join(gateway, keys[at : at + PART], run)
        self._joined = time.monotonic()
        return found

    async def _join(self, gateway: Gateway, keys: Sequence[Key], run: Run) -> int:
        answered, gone = await run(lambda: self._desk.replies(keys))
        for key, raw in answered.items():
            if self._seen.pop(key, False):
                await gateway.witness(self._calls.call(Seen(key, (), {})), Relayed(raw))
        for key in gone:
            self._seen.pop(key, None)
        return len(answered)
