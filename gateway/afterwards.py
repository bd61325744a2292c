"""Asks the incumbent after the candidate's answer has gone, so that the two can still be compared."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable

from gateway.contract import Made
from gateway.pipe import Pipe
from gateway.turn import Turn, sighting

AT_ONCE = 64
"""Calls for which the incumbent is asked at once in a worker; of more it is not asked."""


class Afterwards:
    """What is under way after answers that have gone."""

    def __init__(self, pipe: Pipe, relay: Callable[[Turn, float], Awaitable[None]]) -> None:
        """`relay` has the incumbent answer a turn."""
        self._pipe = pipe
        self._relay = relay
        self._tasks: set[asyncio.Task[None]] = set()

    def takes(self, turn: Turn) -> bool:
        """Whether the incumbent is asked, too, about a turn that the candidate has answered; starts asking it."""
        settings = turn.bound.settings
        asks = (
            settings.observe_incumbent > 0
            and isinstance(turn.answer, Made)
            and turn.incumbent is None
            and turn.bound.incumbent is not None
            and settings.effects == "none"
            and len(self._tasks) < AT_ONCE
            and random.random() < settings.observe_incumbent  # noqa: S311 - sampling, nothing secret
        )
        if asks:
            turn.call.answered = True
            task = asyncio.ensure_future(self._ask(turn))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return asks

    async def _ask(self, turn: Turn) -> None:
        """What comes is only compared."""
        made = turn.answer
        await self._relay(turn, math.inf)
        turn.answer = made
        if turn.incumbent and turn.incumbent.rest:
            self._pipe.count(turn.bound.route, "not_observable:too_large")
        else:
            self._pipe.hand(sighting(turn, "call"))

    async def finish(self) -> None:
        """Returns when nothing is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
