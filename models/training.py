"""How a model's inputs and outputs were spread when it was trained: what traffic is compared with to find drift."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

POINTS = 200
"""Quantiles that stand for a number's spread."""
CODES = 200
"""Values of a text beyond which it is free text, and left out."""


def spreads(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By name: {"rows": n, "counts": {value: n}} of texts and truth values, {"rows": n, "sample": [...]} of numbers:
    ascending, all of them or POINTS quantiles. What is missing is not counted; lists and free texts are left out.

    Each column by itself and sorted: no row can be put together again."""
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if row.get(name) is not None]
        if spread := _spread(values):
            found[name] = {"rows": len(values)} | spread
    return found


def _spread(values: Sequence[Any]) -> dict[str, Any] | None:
    if all(isinstance(value, str | bool) for value in values):
        counts = Counter(str(value).lower() if isinstance(value, bool) else value for value in values)
        return {"counts": dict(sorted(counts.items()))} if len(counts) <= CODES else None
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return {"sample": _sample([float(value) for value in values])}
    return None


def _sample(values: Iterable[float]) -> list[float]:
    ordered = sorted(values)
    if len(ordered) <= POINTS:
        return ordered
    # The middles of POINTS equal parts, each a value that occurred.
    shares = (np.arange(POINTS) + 0.5) / POINTS
    return [float(value) for value in np.quantile(ordered, shares, method="inverted_cdf")]
