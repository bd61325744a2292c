"""What must hold of calls, whatever was done to the gateway meanwhile."""

from collections.abc import Sequence

from tests.load import Answered, Load


def right(calls: Sequence[Answered], expected: Sequence[str]) -> None:
    """Every call that has an answer has the legacy service's own."""
    wrong = [call for call in calls if not call.error and (call.status, call.digest) != (200, expected[call.at % 1000])]
    assert not wrong, f"{len(wrong)} of {len(calls)}, such as {wrong[0]}"


def unbroken(calls: Sequence[Answered], expected: Sequence[str]) -> None:
    """Every call has the legacy service's own answer."""
    broken = [call for call in calls if call.error]
    assert not broken, f"{len(broken)} of {len(calls)}, such as {broken[0]}"
    right(calls, expected)


def under_way(load: Load, calls: int) -> Load:
    """The load as soon as a good part of it has been answered and a good part has not."""
    load.reached(calls // 4)
    assert len(load.calls) < calls
    return load
