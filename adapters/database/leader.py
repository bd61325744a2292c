"""Which poller of a table only watches and joins: one at a time over all workers and replicas, by slots of time.

Who had the last slot asks first for the next, so it seldom changes hands; who dies is followed within two slots. While
the store is down every worker takes itself for the one, and what is seen twice is recorded once.
"""

import time

from gateway.contract import Gateway

SLOT = 5.0
"""Seconds of one turn."""


class Leader:
    """One poller's part in the choice."""

    def __init__(self, scope: str) -> None:
        self._scope = f"leader:{scope}"
        self._mine = -1
        self._asked = -1

    async def leads(self, gateway: Gateway) -> bool:
        """Whether it is this poller's turn."""
        slot, part = divmod(time.time(), SLOT)
        if self._mine >= slot:
            if self._mine == slot and part > SLOT / 2:
                await self._ask(gateway, int(slot) + 1)
            return True
        await self._ask(gateway, int(slot))
        return self._mine >= slot

    async def _ask(self, gateway: Gateway, slot: int) -> None:
        if self._asked < slot:
            self._asked = slot
            if await gateway.once(self._scope, slot.to_bytes(8), SLOT * 4):
                self._mine = slot
