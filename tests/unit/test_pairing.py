"""Lists without order agree exactly when some pairing of their items does."""

from itertools import permutations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from gateway.pairing import LARGEST, paired


@given(st.lists(st.integers(0, 9), max_size=5), st.lists(st.integers(0, 9), max_size=5), st.integers(0, 3))
def test_a_pairing_is_found_exactly_where_there_is_one(one: list[int], other: list[int], odd: int) -> None:
    def same(left: int, right: int) -> bool:
        return abs(left - right) <= odd and (left + right) % 3 != odd

    tried = any(all(map(same, one, order)) for order in permutations(other))
    assert paired(one, other, same) is (len(one) == len(other) and tried)


def test_long_lists_of_numbers_within_one_tolerance_are_paired_by_their_order(rng: Random) -> None:
    numbers = [rng.uniform(0, 1000) for _ in range(5000)]
    moved = [number + rng.uniform(-1, 1) for number in numbers]
    rng.shuffle(moved)
    assert paired(numbers, moved, lambda left, right: abs(left - right) <= 1)
    assert not paired(numbers, [*moved[1:], moved[0] + 2000], lambda left, right: abs(left - right) <= 1)


def test_of_longer_lists_that_order_does_not_pair_nothing_is_known() -> None:
    def other(left: int, right: int) -> bool:
        return (left + 1) % size == right

    size = LARGEST
    assert paired(list(range(size)), list(range(size)), other)
    size = LARGEST + 1
    assert not paired(list(range(size)), list(range(size)), other)
