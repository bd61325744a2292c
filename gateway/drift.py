"""Whether inputs and scores are spread in traffic as they were in training, by what travels with the model. Pure.

Training data: a sample of each column, see models/training.py. Traffic: a fair sample of the records for inputs, and
what the candidate answered for scores, mapped like an answer. Advice only: it never rolls anything back.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import sqrt
from typing import Any, NamedTuple

from gateway.answers import answer_rules
from gateway.config import Route
from gateway.conversion import text
from gateway.rules import Rule
from gateway.statistics.shift import distance, noise, psi
from gateway.store.spread import number
from gateway.transform import forward

MOVED, SHIFTED = 0.10, 0.25
"""Stability indices that banks by convention take for a reason to look, and to act."""
TENTHS = 10
LEAST = 50
"""Values of traffic below which nothing is said."""


class Compared(NamedTuple):
    """Two spreads in the same bins; `bins` are labels."""

    bins: Sequence[str]
    before: Sequence[float]
    now: Sequence[float]
    furthest: float | None
    """Smirnov's distance; None of texts, which have no order."""


def inputs(
    route: Route, training: Mapping[str, Any], records: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """One finding for each feature that the model knows the training spread of, and records carry the field of."""
    rules = route.features or {name: Rule() for name in route.fields if name != route.key}
    for name, rule in rules.items():
        if name in training and rule.constant is None:
            values = [record[field] for record in records if (field := rule.from_ or name) in record]
            if made := finding(name, training[name], _mapped(rule, values)):
                yield made


def scores(
    route: Route, training: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The same of each answer field that is made of one output of the model: the training outputs, mapped like it."""
    for name, rule in answer_rules(route).items():
        spread = training.get(rule.from_ or name, {})
        if "sample" not in spread or rule.many or (rule.constant, rule.echo, rule.now) != (None,) * 3:
            continue
        values = [value for answer in answers if (value := answer.get(name)) is not None]
        if made := finding(name, _described(_mapped(rule, spread["sample"]), spread["rows"]), values):
            yield made


def _mapped(rule: Rule, values: Sequence[Any]) -> Sequence[Any]:
    """The values as the rule makes them; without those that it cannot take."""
    convert, made = forward(rule), []
    for value in values:
        try:
            made.append(convert(value))
        except (ValueError, ArithmeticError):
            continue
    return [value for value in made if value is not None]


def _described(values: Sequence[Any], rows: int) -> dict[str, Any]:
    numbers = [one for value in values if (one := number(value)) is not None]
    if len(numbers) == len(values):
        return {"rows": rows, "sample": sorted(numbers)}
    shares = Counter(text(value) for value in values if not isinstance(value, list | dict))
    return {"rows": rows, "counts": {value: count * rows / len(values) for value, count in shares.items()}}


def finding(name: str, training: Mapping[str, Any], values: Sequence[Any]) -> dict[str, Any] | None:
    """How far traffic is from training; None where there is too little traffic, or both are not of one kind.

    `chance` is the index that no shift at all would show on average; `furthest_by_chance` is what Smirnov's distance
    exceeds by chance in 5 % of cases, 1.358 sqrt((n + m) / (n m))."""
    if len(values) < LEAST:
        return None
    rows, count = training["rows"], len(values)
    compared = (
        _numbers(training["sample"], rows, values) if "sample" in training else _texts(training["counts"], values)
    )
    if compared is None:
        return None
    index, chance = psi(compared.before, compared.now), noise(len(compared.bins), rows, count)
    word = "stable" if index < MOVED or index < 2 * chance else "moved" if index < SHIFTED else "shifted"
    return {
        "name": name, "training_rows": rows, "traffic_values": count, "psi": index, "chance": chance,
        "furthest": compared.furthest, "furthest_by_chance": 1.358 * sqrt((rows + count) / (rows * count)),
        "word": word, "bins": list(compared.bins), "training": _shares(compared.before),
        "traffic": _shares(compared.now),
    }  # fmt: skip


def _numbers(sample: Sequence[float], rows: int, values: Sequence[Any]) -> Compared | None:
    found = [one for value in values if (one := number(value)) is not None]
    if len(found) < len(values) or not sample:
        return None
    fine = sorted(set(sample))
    edges = sorted({sample[len(sample) * part // TENTHS] for part in range(1, TENTHS)})
    before = [count * rows / len(sample) for count in _counted(edges, sample)]  # the sample stands for all rows
    furthest = distance(_counted(fine, sample), _counted(fine, found))
    return Compared(_bins(edges), before, _counted(edges, found), furthest)


def _bins(edges: Sequence[float]) -> Sequence[str]:
    between = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"to {edges[0]:g}", *between, f"over {edges[-1]:g}"]


def _counted(edges: Sequence[float], values: Sequence[float]) -> list[float]:
    """How many values are up to each edge and over the one before, and how many over the last."""
    counts = [0.0] * (len(edges) + 1)
    for value in values:
        counts[bisect_left(edges, value)] += 1
    return counts


def _texts(counts: Mapping[str, float], values: Sequence[Any]) -> Compared | None:
    if any(isinstance(value, list | dict) for value in values):
        return None
    now = Counter(text(value) for value in values)
    bins = [*counts, *sorted(now.keys() - counts)]
    return Compared(bins, [float(counts.get(one, 0)) for one in bins], [float(now[one]) for one in bins], None)


def _shares(counts: Sequence[float]) -> list[float]:
    return [count / sum(counts) for count in counts]
