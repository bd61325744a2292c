"""Whether two lists hold the same items, in order or in any order, where "the same" is a judge's word. Pure."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

Same = Callable[[Any, Any], bool]

LARGEST = 100
"""Items of lists that are matched in every possible way; longer ones are only tried in sorted order."""


def alike(one: Sequence[Any], other: Sequence[Any], same: Same) -> bool:
    """Whether both have as many items, the same at each place."""
    return len(one) == len(other) and all(map(same, one, other))


def paired(one: Sequence[Any], other: Sequence[Any], same: Same) -> bool:
    """Whether the items can be put into pairs that are the same, each used once.

    Sorted order finds every such pairing of numbers within one tolerance. Else a perfect matching is looked for by
    augmenting paths (Kuhn 1955), with lists of LARGEST items at most: of longer ones that sorting does not pair it
    is not known, and the answer is no."""
    if len(one) != len(other):
        return False
    if alike(sorted(one, key=_order), sorted(other, key=_order), same):
        return True
    if len(one) > LARGEST:
        return False
    fits = [[at for at, item in enumerate(other) if same(mine, item)] for mine in one]
    taken: dict[int, int] = {}
    return all(fits) and all(_settle(at, fits, taken, set()) for at in range(len(one)))


def _settle(mine: int, fits: Sequence[Sequence[int]], taken: dict[int, int], tried: set[int]) -> bool:
    """Finds a partner for an item, moving others to other partners where that helps."""
    for partner in fits[mine]:
        if partner not in tried:
            tried.add(partner)
            if partner not in taken or _settle(taken[partner], fits, taken, tried):
                taken[partner] = mine
                return True
    return False


def _order(value: Any) -> tuple[str, Any]:
    """Numbers by size, dates by time, all else by how it is written."""
    match value:
        case bool():
            return "truth", value
        case int() | float() | Decimal():
            return "number", value if value == value else 0
        case datetime() | time():
            return "moment", value.isoformat()
        case date():
            return "day", value
        case dict():
            return "group", repr(sorted(value.items(), key=repr))
    return "text", repr(value)
