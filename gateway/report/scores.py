"""What the two sides say against each other: confusion of texts, difference of numbers. Pure, from sums."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.statistics.agreement import Coefficient, Confusion, ac1, kappa
from gateway.statistics.differences import bland_altman
from gateway.store.spread import Spread, number
from gateway.store.sums import Pair, Rollup

__all__ = ["compared", "confused", "number"]

FEW = 20
"""Answers that a field may have to be shown as a table."""
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 40
"""Bins of a chart at most."""
FINEST = 0.012
"""Width of a bin at least, as a share of the largest value: sums know values within 1 %."""


def confused(sums: Rollup) -> dict[str, Any]:
    """By field of few texts: the table of both sides' answers, Cohen's kappa and Gwet's AC1."""
    return {name: made for name, pairs in sorted(sums.pairs.items()) if (made := _confused(pairs))}


def _confused(pairs: Mapping[Pair, Sequence[int]]) -> dict[str, Any] | None:
    counts = {(_text(theirs), _text(ours)): records for (theirs, ours), (records, _) in pairs.items() if records}
    table = Confusion.of(counts)
    if not counts or len(table.labels) > FEW:
        return None
    return {
        "labels": list(table.labels),
        "counts": [list(row) for row in table.counts],
        "records": table.total,
        "incumbent": dict(table.incumbent),
        "candidate": dict(table.candidate),
        "kappa": _coefficient(kappa(table)),
        "ac1": _coefficient(ac1(table)),
    }


def _text(value: str | bool | None) -> str:
    return "(none)" if value is None else str(value).lower() if isinstance(value, bool) else value


def _coefficient(found: Coefficient) -> dict[str, float] | None:
    return None if math.isnan(found.value) else found._asdict()


def compared(sums: Rollup) -> dict[str, Any]:
    """By field with numbers on both sides: each side's spread, the difference's limits of agreement and quantiles, and
    the shares of both sides in the same bins."""
    return {name: made for name, sides in sorted(sums.numbers.items()) if (made := _compared(sides))}


def _compared(sides: Mapping[str, Spread]) -> dict[str, Any] | None:
    apart = sides["difference"]
    if apart.count < 2 or apart.mean is None or apart.deviation is None:
        return None
    limits = bland_altman(apart.count, apart.mean, apart.deviation**2)
    return {
        "records": apart.count,
        "incumbent": spread(sides["incumbent"]),
        "candidate": spread(sides["candidate"]),
        "difference": spread(apart)
        | {
            "low": limits.low, "high": limits.high, "mean_interval": limits.mean_interval,
            "low_interval": limits.low_interval, "high_interval": limits.high_interval,
        },
        "bins": _bins(sides["incumbent"], sides["candidate"]),
    }  # fmt: skip


def spread(one: Spread) -> dict[str, Any]:
    """Mean, standard deviation and quantiles; quantiles are within 0.5 % of themselves."""
    return {
        "mean": one.mean, "deviation": one.deviation,
        "quantiles": {f"p{share * 100:g}": one.quantile(share) for share in SHARES},
    }  # fmt: skip


def _bins(incumbent: Spread, candidate: Spread) -> dict[str, Any]:
    cells = [*incumbent.cells(), *candidate.cells()]
    low, high = min(value for value, _ in cells), max(value for value, _ in cells)
    width = max((high - low) / BINS, FINEST * max(abs(low), abs(high))) or 1.0
    edges = [low + width * at for at in range(int((high - low) / width) + 2)]
    return {"edges": edges, "incumbent": _shares(incumbent, edges), "candidate": _shares(candidate, edges)}


def _shares(one: Spread, edges: Sequence[float]) -> list[float]:
    counts = [0] * (len(edges) - 1)
    for value, count in one.cells():
        counts[min(bisect_right(edges, value) - 1, len(counts) - 1)] += count
    return [count / one.count for count in counts]
