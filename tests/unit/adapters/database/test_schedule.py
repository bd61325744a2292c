"""When the batch has the table to itself."""

from datetime import UTC, datetime

import pytest

from adapters.database.coexisting import Batch
from adapters.database.schedule import Schedule

NIGHT = {"from": "22:00", "to": "04:00", "timezone": "Europe/Berlin"}


def schedule(**more: object) -> Schedule:
    return Schedule(Batch.model_validate({"coexists": "window", "window": NIGHT, **more}), 60)


@pytest.mark.parametrize(
    ("utc", "running", "closed"),
    [
        ("2004-07-01 19:58", False, False),  # 21:58 in summer
        ("2004-07-01 19:59:30", False, True),  # a lease could reach into it
        ("2004-07-01 20:00", True, True),
        ("2004-07-02 01:59", True, True),
        ("2004-07-02 02:00", False, False),
        ("2004-01-01 20:30", False, False),  # 21:30 in winter
        ("2004-01-01 21:00", True, True),
    ],
)
def test_the_window_is_by_its_own_clock_and_may_go_over_midnight(utc: str, running: bool, closed: bool) -> None:
    moment = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert (schedule().running(moment), schedule().closed(moment)) == (running, closed)


def test_rows_are_given_back_until_the_window_begins_and_nothing_is_claimed_until_it_is_over() -> None:
    one = schedule(release_before="21:45")
    before, at, after = (datetime(2004, 7, 1, 19, minute, tzinfo=UTC) for minute in (44, 45, 46))
    assert one.release(before, at) and one.release(at, after) and not one.release(before, before)
    assert not one.release(after, datetime(2004, 7, 1, 20, 1, tzinfo=UTC))
    assert not one.closed(before) and one.closed(at) and one.closed(after)


def test_without_a_batch_nothing_is_ever_closed() -> None:
    now = datetime(2004, 7, 1, tzinfo=UTC)
    none = Schedule(None, 60)
    assert not none.closed(now) and not none.running(now) and not none.release(now, now)
