"""What one worker has under way on one route, and how long its incumbent takes: the bounds of cutover."""

import math
from collections import deque

WINDOW = 512
REFRESH = 64


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
        """Seconds of a deadline kept for the incumbent: as configured, else its p99, never more than half.

        Half as long as fewer than 64 answers have been recorded."""
        return min(self._p99 if configured is None else configured, remaining / 2)
