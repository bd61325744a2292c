"""How the observer makes way for callers. Time is the test's own."""

from gateway.pace import REST, SHARE, Pace

WORK = 0.1
"""Seconds of processor time a piece of work takes."""


def worked(pace: Pace, seconds: float, *, calls: bool, late: bool = False) -> float:
    """The processor time that the observer took, with always something to do."""
    now, used, end = 1000.0, 0.0, 1000.0 + seconds
    while now < end:
        if calls:
            pace.called(now)
        if pause := pace.rest(now, used, late):
            now += pause
        else:
            used += WORK
            now += WORK
    return used


def test_while_calls_come_in_it_takes_its_share_and_no_more() -> None:
    assert 100 * SHARE - 2 * WORK <= worked(Pace(1000.0, 0.0), 100, calls=True) <= 100 * SHARE + 2 * WORK


def test_without_calls_it_works_on() -> None:
    assert worked(Pace(1000.0, 0.0), 100, calls=False) >= 100 - WORK


def test_what_is_late_is_done_at_once() -> None:
    assert worked(Pace(1000.0, 0.0), 100, calls=True, late=True) >= 100 - WORK


def test_a_long_silence_saves_up_nothing() -> None:
    """Given an hour without work, a burst has its processors to itself from the first piece of work on."""
    pace = Pace(1000.0, 0.0)
    assert pace.rest(1000.0, 0.0, late=False) == 0
    pace.called(4600.0)
    assert pace.rest(4600.0, 0.0, late=False) == 0
    pace.called(4600.0 + WORK)
    assert 0 < pace.rest(4600.0 + WORK, WORK, late=False) <= REST
