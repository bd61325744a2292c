"""How often a table is looked at, by a clock that only the test moves."""

import random
import statistics
from collections.abc import Mapping, Sequence

from adapters.database.config import Poll
from adapters.database.pace import Pace

LOOK = 0.001
"""Seconds that a look takes."""
FIXED = {"fastest": "250ms", "slowest": "250ms"}


class Simulated:
    """A poller's looks at a table, to which rows come one at a time."""

    def __init__(self, look: float = LOOK, poll: Mapping[str, str] | None = None) -> None:
        self.now, self.looks, self._look, self._again = 0.0, 0, look, 0.0
        self.pace = Pace(Poll.model_validate(poll or {}), None, lambda: self.now)

    def look(self, row: float = float("inf")) -> bool:
        """Looks; whether a row that came at that moment was there."""
        self.now = max(self.now, self._again)
        there = row <= self.now
        self.pace.looks()
        self.now += self._look
        self.looks += 1
        self.pace.worked(int(there))
        self._again = self.now + self.pace.wait(there)
        return there

    def idle(self, seconds: float) -> None:
        """Nothing comes for so long."""
        until = self.now + seconds
        while self._again < until:
            self.look()
        self.now = until

    def row(self) -> float:
        """A row comes now; returns the seconds until a look has found it."""
        came = self.now
        while not self.look(came):
            pass
        return self.now - came


def rows(poller: Simulated, gaps: Sequence[float]) -> tuple[float, float]:
    """The median of the seconds that rows wait that come so long after another, and looks a second."""
    waits = []
    for gap in gaps:
        poller.idle(gap)
        waits.append(poller.row())
    return statistics.median(waits), poller.looks / poller.now


def test_rows_wait_a_tenth_of_what_they_would_for_at_most_20_times_the_looks() -> None:
    rng = random.Random(5)
    for longest in (0.1, 0.25, 1.0, 5.0):
        gaps = [rng.uniform(0, longest) for _ in range(500)]
        (wait, looks), (fixed, seldom) = rows(Simulated(), gaps), rows(Simulated(poll=FIXED), gaps)
        print(f"gaps up to {longest:g} s: p50 {wait / fixed:.3f}, looks {looks / seldom:.1f} of a poll each 250 ms")
        assert looks <= 20 * seldom
        if longest <= 0.25:
            assert wait <= 0.1 * fixed
        if longest >= 0.25:  # else some come in chains
            assert looks <= 20 / 0.25 + 1 / statistics.mean(gaps)


def test_a_row_waits_a_twentieth_of_the_quiet_time_before_it() -> None:
    for quiet in (0.3, 1.0, 2.5, 5.0, 60.0):
        poller = Simulated()
        poller.idle(quiet)
        assert poller.row() <= min(quiet / 20, 0.25) + 2 * LOOK


def test_an_idle_table_is_looked_at_as_often_as_by_a_poll_each_slowest() -> None:
    poller = Simulated()
    poller.idle(5)
    before = poller.looks
    print(before, "looks in the first five seconds")
    assert before <= 20 + 20 * 3.1 + 3
    poller.idle(100)
    assert 399 <= poller.looks - before <= 401


def test_whoever_waits_for_each_answer_before_the_next_row_waits_milliseconds() -> None:
    poller = Simulated()
    wait, _ = rows(poller, [0.002] * 50)
    assert wait <= 4 * LOOK


def test_no_table_is_looked_at_for_more_than_a_third_of_the_time() -> None:
    poller = Simulated(look=0.8)
    poller.idle(100)
    assert poller.looks <= 100 / (3 * 0.8) + 1


def test_who_is_told_of_rows_looks_seldom() -> None:
    poller = Simulated(poll={"listen": "came"})
    rows(poller, [0.01] * 10)
    before = poller.looks
    poller.idle(10)
    assert poller.looks - before <= 41


def test_failures_are_followed_by_ever_longer_pauses() -> None:
    poller = Simulated()
    pauses = []
    for _ in range(8):
        poller.pace.failed()
        pauses.append(poller.pace.wait(False))
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    poller.look()
    assert poller.pace.wait(False) < 0.2
