"""Calls that travel together in one request to the model, and how each gets its own part of the answer."""

import asyncio
from collections.abc import Sequence

from gateway.contract import CandidateFailed, Prediction, Row, RowError

Scored = Prediction | RowError


class Chunk:
    """Rows of one caller that travel together, and the caller's wait for them until a moment of the loop's clock."""

    __slots__ = ("answers", "batch", "deadline", "rows")

    def __init__(self, rows: Sequence[Row], answers: asyncio.Future[list[Scored]], deadline: float) -> None:
        self.rows = rows
        self.answers = answers
        self.deadline = deadline
        self.batch: Batch | None = None

    def fail(self, error: CandidateFailed) -> None:
        """Leaves the caller without an answer, unless it has one."""
        if not self.answers.done():
            self.answers.set_exception(error)


class Batch:
    """One request under way."""

    __slots__ = ("chunks", "task")

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.task: asyncio.Task[None] | None = None

    def leave(self) -> None:
        """Frees the slot once nobody waits any more: an abandoned request must not hold it."""
        if self.task and not self.task.done() and all(chunk.answers.done() for chunk in self.chunks):
            self.task.cancel()


def share(answers: list[Scored | CandidateFailed], chunks: list[Chunk]) -> None:
    """Gives each chunk its part; a chunk of which a row failed with the whole model fails whole."""
    start = 0
    for chunk in chunks:
        part = answers[start : start + len(chunk.rows)]
        start += len(part)
        if not chunk.answers.done():
            scored = [each for each in part if not isinstance(each, CandidateFailed)]
            if len(scored) == len(part):
                chunk.answers.set_result(scored)
            else:
                chunk.fail(next(each for each in part if isinstance(each, CandidateFailed)))
