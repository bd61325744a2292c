"""Rows that are answered one by one, each without a claim: while one is written the model is asked for the next.

They are read some at a time, and nothing is locked: an answer is written only into a row that still waits.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Self

from adapters.database.calls import Calls, sorted_out
from adapters.database.desk import Desk
from adapters.database.engine import RowRefused
from adapters.database.single import Line, Run
from adapters.database.work import Ended, Seen
from gateway.contract import Gateway

LOOK, FRESH = 16, 0.1
"""Rows that are read at once, and seconds that they are good for."""


class InTurn:
    """The part of a table's poller that answers single rows."""

    def __init__(self, calls: Calls, run: Run, otherwise: Callable[[Gateway, Seen, Ended], Awaitable[int]]) -> None:
        """`run` has work done in the poller's threads; `otherwise` ends a row that could not be answered so, and
        returns how many rows that were done with."""
        self._calls, self._run, self._otherwise = calls, run, otherwise

    async def answer(self, gateway: Gateway, desk: Desk, rows: Sequence[Seen]) -> int:
        """Answers rows, unless they were read too long ago meanwhile, or nobody can be asked; returns how many are done
        with. Raises DatabaseDown."""
        fresh = time.monotonic() + FRESH
        answered = partial(gateway.count, self._calls.source, self._calls.operation, "answered")
        async with _Turns(desk, self._run, answered) as turns:
            for row in rows:
                ended = sorted_out([row], await gateway.answer([self._calls.call(row)]), batch=False)
                await turns.write(row, ended)
                if ended.unasked or time.monotonic() > fresh:
                    break
                await asyncio.sleep(0)  # others have their turn on the event loop
        # Only now, since each takes a connection, and there may be no more than one.
        return turns.written + sum([await self._otherwise(gateway, row, ended) for row, ended in turns.left])


class _Turns:
    """One answer after the other over one line, which is there from the first one on: no connection waits for a model
    that is slow."""

    def __init__(self, desk: Desk, run: Run, answered: Callable[[], None]) -> None:
        """`answered` is called for each row that was."""
        self._desk, self._run, self._answered = desk, run, answered
        self._line: Line | None = None
        self._before: tuple[Seen, Ended] | None = None
        self.written = 0
        self.left: list[tuple[Seen, Ended]] = []
        """Rows that could not be answered so."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                await self._end()
        finally:
            if self._line:
                await self._run(self._line.close)

    async def write(self, row: Seen, ended: Ended) -> None:
        """Begins to write a row's answer, once the one before it is written."""
        await self._end()
        if (answer := ended.answers.get(row.key)) is not None:
            if self._line is None:
                self._line = await self._run(lambda: self._desk.line(self._run))
            with suppress(RowRefused):  # it is written again by itself
                await self._line.send(row.key, answer)
                self._before = row, ended
                return
        self.left.append((row, ended))

    async def _end(self) -> None:
        before, self._before = self._before, None
        if before and self._line:
            with suppress(RowRefused):
                if await self._line.written():
                    self.written += 1
                    self._answered()
                    return
            self.left.append(before)
