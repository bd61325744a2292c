"""Python's search for cyclic garbage, made rare in processes that serve: almost all they make is freed by counting."""

import gc

_THRESHOLDS = 50_000, 20, 100
"""Objects more than were freed since the last search, then searches of the younger generation per older one. Python's
own 700 has an observer with a backlog look at all of it again and again, a quarter of its processor time."""


def search_rarely() -> None:
    """What is loaded by now is never looked at again, and what is made from now on seldom. Call it once, when a process
    has been set up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
