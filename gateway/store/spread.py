"""How numbers of either sign are spread: count, mean, deviation and a histogram, all mergeable. Pure.

Buckets are relative, 1 % wide: a value of magnitude m >= 0.001 falls into bucket ceil(log(m) / log(1.01)), counted
from that of 0.001 on and negative for negative values; what is smaller is bucket 0. So a quantile is off by at most
0.5 % of itself. The idea of relative buckets: Masson, Rim, Lee, "DDSketch", VLDB 2019.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Self

GROWTH = 1.01
_SCALE = 1 / math.log(GROWTH)
_SMALLEST = 0.001
_FIRST = 1 - math.ceil(math.log(_SMALLEST) * _SCALE)


class Spread:
    """Sums of numbers; adding with a negative count takes back."""

    __slots__ = ("buckets", "count", "squares", "total")

    def __init__(self, values: Iterable[float] = ()) -> None:
        self.count = 0
        self.total = 0.0
        self.squares = 0.0
        self.buckets: dict[int, int] = {}
        for value in values:
            self.add(value)

    def add(self, value: float, count: int = 1) -> None:
        """Adds a finite value `count` times."""
        self.count += count
        self.total += count * value
        self.squares += count * value * value
        bucket = _bucket(value)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    def merge(self, other: "Spread") -> None:
        """Adds all values of another one."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    @property
    def mean(self) -> float | None:
        """The mean; None when empty."""
        return self.total / self.count if self.count else None

    @property
    def deviation(self) -> float | None:
        """The sample's standard deviation; None below two values. Exact up to rounding: keep values of one scale."""
        if self.count < 2:
            return None
        return math.sqrt(max(0.0, self.squares - self.total * self.total / self.count) / (self.count - 1))

    def cells(self) -> Sequence[tuple[float, int]]:
        """(value, count) of every bucket that has some, in ascending order; the value is the middle of its bucket."""
        return [(_middle(bucket), self.buckets[bucket]) for bucket in sorted(self.buckets) if self.buckets[bucket]]

    def quantile(self, share: float) -> float | None:
        """The smallest value that at least `share` of all values do not exceed, within 0.5 %; None when empty."""
        rank, passed = max(1, math.ceil(share * self.count)), 0
        for value, count in self.cells():
            passed += count
            if passed >= rank:
                return value
        return None

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        buckets = {str(bucket): count for bucket, count in self.buckets.items() if count}
        return {"count": self.count, "sum": self.total, "squares": self.squares, "buckets": buckets}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Self:
        """The spread that `to_json` wrote."""
        spread = cls()
        spread.count, spread.total, spread.squares = written["count"], written["sum"], written["squares"]
        buckets = written["buckets"]
        spread.buckets = dict(zip(map(int, buckets), buckets.values(), strict=True))  # reports read thousands of them
        return spread


def number(value: Any) -> float | None:
    """The value as a number that can be summed; None where it is none, a truth value, or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) and abs(found) < 1e150 else None


def _bucket(value: float) -> int:
    size = abs(value)
    if size < _SMALLEST:
        return 0
    bucket = math.ceil(math.log(size) * _SCALE) + _FIRST
    return bucket if value > 0 else -bucket


def _middle(bucket: int) -> float:
    size = GROWTH ** (abs(bucket) - _FIRST - 0.5) if bucket else 0.0
    return math.copysign(size, bucket) if bucket else 0.0
