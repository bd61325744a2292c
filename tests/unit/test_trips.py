"""The guard's bets in simulated worlds, in short; `make simulate` does it a thousand times."""

import pytest

from bench.plot import curves
from bench.trips import Day, World, alike, beta, guard, median, proof, trips

RUNS = range(1, 101)


@pytest.mark.parametrize(
    ("day", "identical", "day_to_day"), [(alike, 1, 0.0), (alike, 10, 0.0), (alike, 1, 0.5), (beta, 1, 0.5)]
)
def test_a_candidate_at_its_limit_is_held_no_more_often_than_was_allowed(
    day: Day, identical: int, day_to_day: float
) -> None:
    found = trips(guard(0.05, day_to_day), 0.05, World(0.05, 200, day, identical), RUNS, 2000)
    held = sum(one is not None for one in found)
    print(f"held for nothing: {held} of {len(RUNS)}")
    assert held <= 5


def test_what_the_guard_does_not_do_would_hold_far_too_often() -> None:
    """Calls as units, and days taken as alike that are not: the seeds and worlds are those above."""
    calls = trips(guard(0.05, 0.0), 0.05, World(0.05, 200, alike, 10, "call"), RUNS[:30], 20_000)
    days = trips(guard(0.05, 0.0), 0.05, World(0.05, 1000, beta), RUNS[:30], 10_000)
    for found in (calls, days):
        assert sum(one is not None for one in found) >= 10


@pytest.mark.parametrize("limit", [0.05, 0.10, 0.27])
def test_five_points_over_the_limit_are_found(limit: float) -> None:
    found = median(trips(guard(limit, 0.0), 0.01, World(limit + 0.05, 500), RUNS[:25], 20_000))
    print(f"limit {limit:.0%}, truth {limit + 0.05:.0%}: held after {found} keys")
    assert found is not None and found <= 2500


def test_a_route_with_little_traffic_needs_weeks_and_gets_there() -> None:
    found = median(trips(proof(0.05, 0.5), 0.01, World(0.02, 50), RUNS[:25], 5000))
    print(f"limit 5 %, truth 2 %, 50 keys a day: proven after {found} keys")
    assert found is not None and found <= 2000


def test_curves_are_drawn_with_their_names() -> None:
    drawn = curves("Held <early>", "keys", "runs", {"a & b": [(10, 0.0), (100, 0.5), (1000, 1.0)]})
    assert drawn.startswith("<svg") and "Held &lt;early&gt;" in drawn and "a &amp; b" in drawn
    assert drawn.count("<polyline") == 1
