"""A circuit breaker: a candidate that keeps failing is left alone for a while instead of costing every caller time."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Breaker:
    """Closed until `threshold` failures in a row; then open for a pause that doubles up to `longest` seconds.

    After the pause one call at a time is let through as a trial: its success closes the breaker, its failure opens
    it again. What calls of an earlier round report, made before the breaker opened, changes nothing any more: fifty
    that fail together are one failure, not fifty doublings. `clock` returns monotonic seconds.
    """

    threshold: int = 5
    pause: float = 0.5
    longest: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _failures: int = field(default=0, init=False)
    _until: float = field(default=0.0, init=False)
    _trial: bool = field(default=False, init=False)
    _round: int = field(default=0, init=False)

    @property
    def open(self) -> bool:
        """Whether calls are refused now, a trial under way included."""
        return self._failures >= self.threshold and (self._trial or self.clock() < self._until)

    def allow(self) -> int | None:
        """The round of a call that may be made now, None where it may not.

        The round must be given to one of `succeeded`, `failed` and `gave_up`."""
        if self.open:
            return None
        self._trial = self._failures >= self.threshold
        return self._round

    def succeeded(self, round: int) -> None:
        """A call that was allowed had an answer."""
        if round == self._round:
            self._failures = 0
            self._trial = False

    def failed(self, round: int) -> None:
        """A call that was allowed had none."""
        if round != self._round:
            return
        self._failures += 1
        self._trial = False
        if self._failures >= self.threshold:
            self._round += 1
            doublings = min(self._failures - self.threshold, 16)
            self._until = self.clock() + min(self.pause * 2**doublings, self.longest)

    def gave_up(self, round: int) -> None:
        """A call that was allowed was never made, which says nothing about the candidate."""
        if round == self._round:
            self._trial = False
