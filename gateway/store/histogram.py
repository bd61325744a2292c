"""A latency histogram that can be added to, merged and stored: logarithmic buckets, 5 % wide. Pure.

A value v > 0 falls into bucket ceil(log(v) / log(1.05)), so a quantile is off by at most 2.5 % of itself (the middle
of its bucket is reported). The idea of relative buckets: Masson, Rim, Lee, "DDSketch", VLDB 2019.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Self

GROWTH = 1.05
_SCALE = 1 / math.log(GROWTH)
_SMALLEST = 0.001


class Histogram:
    """Counts of non-negative values by relative size; anything below 0.001 counts as 0.001."""

    __slots__ = ("buckets",)

    def __init__(self, values: Iterable[float] = ()) -> None:
        self.buckets: dict[int, int] = {}
        for value in values:
            self.add(value)

    def add(self, value: float, count: int = 1) -> None:
        """Adds `count` values of one size. Raises ValueError where the value is not finite."""
        if not math.isfinite(value):
            raise ValueError(f"a histogram holds finite values only, not {value}")
        bucket = math.ceil(math.log(max(value, _SMALLEST)) * _SCALE)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    def merge(self, other: "Histogram") -> None:
        """Adds all values of another histogram; exact, in any order."""
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    def above(self, value: float) -> int:
        """How many values are larger, those within 5 % of it possibly not."""
        last = math.ceil(math.log(max(value, _SMALLEST)) * _SCALE)
        return sum(count for bucket, count in self.buckets.items() if bucket > last)

    @property
    def count(self) -> int:
        """How many values were added."""
        return sum(self.buckets.values())

    def quantile(self, share: float) -> float | None:
        """The smallest value that at least `share` of all values do not exceed, within 2.5 %; None when empty."""
        rank, passed = max(1, math.ceil(share * self.count)), 0
        for bucket in sorted(self.buckets):
            passed += self.buckets[bucket]
            if passed >= rank:
                return float(GROWTH ** (bucket - 0.5))
        return None

    def to_json(self) -> dict[str, int]:
        """Bucket numbers as texts, with their counts."""
        return {str(bucket): count for bucket, count in self.buckets.items()}

    @classmethod
    def from_json(cls, buckets: Mapping[str, int]) -> Self:
        """The histogram that `to_json` wrote."""
        histogram = cls()
        histogram.buckets = {int(bucket): count for bucket, count in buckets.items()}
        return histogram

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.buckets == other.buckets

    __hash__ = None  # type: ignore[assignment]  # it changes with every value added
