"""The circuit breaker, against every order in which calls may begin and report."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.breaker import Breaker


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Calls(RuleBasedStateMachine):
    """Calls that overlap at will. What the breaker promises is stated by what is allowed and when."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(threshold=3, pause=1.0, longest=8.0, clock=self.clock)
        self.under_way: list[int] = []
        self.row = 0
        """Failures in a row of the present round."""
        self.opened_at: float | None = None
        self.trial: int | None = None
        self.openings = 0

    def report(self, place: int) -> int:
        return self.under_way.pop(place % len(self.under_way))

    @rule()
    def begin(self) -> None:
        rests = self.opened_at is not None and self.clock.now < self.opened_at + min(2.0 ** (self.openings - 1), 8.0)
        expected = not rests and not (self.opened_at is not None and self.trial is not None)
        assert self.breaker.open is not expected
        found = self.breaker.allow()
        assert (found is not None) is expected
        if found is not None:
            self.under_way.append(found)
            if self.opened_at is not None:
                self.trial = found

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 50))
    def succeed(self, place: int) -> None:
        found = self.report(place)
        self.breaker.succeeded(found)
        if self.opened_at is None or found == self.trial:
            self.row = self.row if self.stale(found) else 0
            if found == self.trial:
                self.opened_at, self.trial, self.openings = None, None, 0

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 50))
    def fail(self, place: int) -> None:
        found = self.report(place)
        self.breaker.failed(found)
        if found == self.trial:
            self.open()
        elif self.opened_at is None and not self.stale(found):
            self.row += 1
            if self.row == 3:
                self.open()

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 50))
    def give_up(self, place: int) -> None:
        found = self.report(place)
        self.breaker.gave_up(found)
        if found == self.trial:
            self.trial = None

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.0, 8.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def open(self) -> None:
        self.opened_at, self.trial, self.row = self.clock.now, None, 0
        self.openings += 1
        self.newest = max([*self.under_way, self.newest])

    newest = -1
    """The round of the newest call that began before the last opening."""

    def stale(self, found: int) -> bool:
        return found <= self.newest

    @invariant()
    def no_pause_is_longer_than_the_longest(self) -> None:
        if self.opened_at is not None and self.trial is None and self.clock.now >= self.opened_at + 8.0:
            assert not self.breaker.open


TestCalls = Calls.TestCase


@pytest.fixture
def clock() -> Clock:
    return Clock()


def failing(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        found = breaker.allow()
        assert found is not None
        breaker.failed(found)


def test_it_opens_at_the_threshold_and_closes_after_one_good_trial(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    failing(breaker, 4)
    assert not breaker.open
    failing(breaker, 1)
    assert breaker.open and breaker.allow() is None
    clock.now += 0.5
    trial = breaker.allow()
    assert trial is not None and breaker.allow() is None, "one call at a time is a trial"
    breaker.succeeded(trial)
    failing(breaker, 4)
    assert not breaker.open, "the count begins anew"


def test_a_failed_trial_doubles_the_pause_up_to_the_longest(clock: Clock) -> None:
    breaker = Breaker(threshold=1, pause=1.0, longest=4.0, clock=clock)
    failing(breaker, 1)
    for pause in (1.0, 2.0, 4.0, 4.0):
        clock.now += pause - 0.01
        assert breaker.open
        clock.now += 0.01
        failing(breaker, 1)


def test_calls_that_fail_together_open_it_for_one_pause_only(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    rounds = [breaker.allow() for _ in range(64)]
    for found in rounds:
        assert found is not None
        breaker.failed(found)
    clock.now += 0.5
    assert not breaker.open


def test_a_late_report_of_an_earlier_call_lets_no_second_trial_in(clock: Clock) -> None:
    breaker = Breaker(threshold=1, clock=clock)
    early, late = breaker.allow(), breaker.allow()
    assert early is not None and late is not None
    breaker.failed(early)
    clock.now += 0.5
    assert breaker.allow() is not None
    for report in (breaker.failed, breaker.gave_up, breaker.succeeded):
        report(late)
        assert breaker.allow() is None
