"""The search for cyclic garbage is rare, and still finds it."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from gateway.garbage import search_rarely


class Cycle:
    """Garbage that counting never frees."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_was_there_before_is_never_looked_at_again() -> None:
    kept = Cycle()
    search_rarely()
    assert gc.get_freeze_count() > 1000
    assert not any(one is kept for one in gc.get_objects())


def test_cycles_made_afterwards_are_freed_in_the_end() -> None:
    search_rarely()
    watched = weakref.ref(Cycle())
    assert watched() is not None
    made = 0
    while watched() is not None and made < 200_000:
        Cycle()
        made += 1
    assert 10_000 < made < 200_000
