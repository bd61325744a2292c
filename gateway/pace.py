"""When the observer works: while callers call, as little as it may, for the processors are theirs too."""

SHARE = 0.1
"""Of one processor, what the observer takes while calls come in and nothing has waited for long."""
QUIET = 0.05
"""Seconds without a call after which there is nobody to make way for."""

LEAST, REST = 0.001, 0.05
"""Seconds of a rest: so few are not worth one, after so many it is thought over."""


class Pace:
    """Spreads the observer's work. All times are in seconds of a monotonic clock."""

    def __init__(self, now: float, worked: float) -> None:
        """`worked` is always the processor time that the process has taken so far."""
        self._called = 0.0
        self._since, self._worked = now, worked

    def called(self, now: float) -> None:
        """A call has come in."""
        self._called = now

    def rest(self, now: float, worked: float, late: bool) -> float:
        """For how long to rest before the next piece of work, then ask again; 0 to work now. What is `late` is not
        put off."""
        owed = (worked - self._worked) / SHARE - (now - self._since)
        if owed > LEAST and not late and now - self._called < QUIET:
            return min(owed, REST)
        self._worked, self._since = worked, now
        return 0.0
