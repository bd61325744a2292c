"""What is kept of a deadline for the incumbent."""

import math

from hypothesis import given
from hypothesis import strategies as st

from gateway.load import LEAST, REFRESH, WINDOW, Load

seconds = st.floats(0.001, 60)


def filled(durations: list[float]) -> Load:
    load = Load()
    for duration in durations:
        load.incumbent_took(duration)
    return load


@given(st.lists(seconds, max_size=REFRESH - 1), seconds)
def test_half_is_kept_until_enough_answers_are_known(durations: list[float], remaining: float) -> None:
    assert filled(durations).reserve(remaining, None) == remaining / 2


def test_then_twice_the_p99_is_kept() -> None:
    assert filled([0.2] * 10 + [0.4] * 54).reserve(10, None) == 0.8


def test_a_fast_incumbent_keeps_time_for_a_moment_in_which_all_calls_fall_back() -> None:
    assert filled([0.001] * REFRESH).reserve(10, None) == LEAST


def test_one_slow_answer_of_many_is_not_the_p99() -> None:
    assert filled([9.0] + [0.2] * (WINDOW - 1)).reserve(30, None) == 0.4
    assert filled([4.0] * 8 + [0.2] * (WINDOW - 8)).reserve(30, None) == 8.0


def test_only_the_last_answers_count() -> None:
    assert filled([5.0] * WINDOW + [0.2] * WINDOW).reserve(60, None) == 0.4


@given(st.lists(seconds, max_size=200), seconds, st.none() | seconds)
def test_never_more_than_half_is_kept(durations: list[float], remaining: float, configured: float | None) -> None:
    kept = filled(durations).reserve(remaining, configured)
    assert 0 < kept <= remaining / 2
    assert configured is None or kept == min(configured, remaining / 2)


def test_a_deadline_that_has_passed_stays_passed() -> None:
    load = Load()
    assert -1.0 - load.reserve(-1.0, None) < 0
    assert math.isfinite(load.reserve(-1.0, None))
