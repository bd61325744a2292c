"""What one worker has under way on one route, and how long its incumbent takes: the bounds of cutover."""

import math
from collections import deque

WINDOW = 512
REFRESH = 64
MARGIN, LEAST = 2.0, 0.25
"""How often the p99, and how many seconds, are kept for the incumbent: when a model hangs, all its calls fall back at
one moment, and an incumbent that has 5 ms in quiet times would leave none for that."""


class Load:
    """Counts of calls under way, and the incumbent's recorded p99 over its last 512 answers."""

    def __init__(self) -> None:
        self.candidate = 0
        self.fallback = 0
        self._durations: deque[float] = deque(maxlen=WINDOW)
        self._since = 0
        self._p99 = math.inf

    def incumbent_took(self, duration: float) -> None:
        """Records one answer's seconds."""
        self._durations.append(duration)
        self._since += 1
        if self._since >= REFRESH:
            self._since = 0
            ordered = sorted(self._durations)
            self._p99 = ordered[int(len(ordered) * 0.99)]

    def reserve(self, remaining: float, configured: float | None) -> float:
        """Seconds of a deadline kept for the incumbent: as configured, else twice its p99 and a quarter of a second
        at least; never more than half.

        Half as long as fewer than 64 answers have been recorded."""
        kept = max(MARGIN * self._p99, LEAST) if configured is None else configured
        return min(kept, remaining / 2)
