"""What a disagreement costs, by the pair of decisions and an amount of the request. Pure."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.canonical import Canonical
from gateway.comparison import Cost, CostPair
from gateway.condition import NUMERIC, known_field
from gateway.contract import ConfigError, Outcome, Refusal, Values
from gateway.conversion import text
from gateway.rules import FieldRule, Rule
from gateway.transform import unknown

REFUSED = "$refusal"
"""How a pair names an outcome that is a refusal."""

Price = Callable[[Canonical, Outcome, Outcome], float | None]
"""The cost of (record, incumbent, candidate) in the route's currency; None where its amount is missing."""


def compile_cost(cost: Cost, fields: Mapping[str, FieldRule], answers: Mapping[str, Rule]) -> Price:
    """The price of a disagreement. Raises ConfigError with every problem, each below `cost`."""
    problems = [] if cost.field in answers else [f"cost.field: {unknown('answer field', cost.field, answers)}"]
    prices: dict[tuple[str, str], CostPair] = {}
    for at, pair in enumerate(cost.pairs):
        said = _said(pair.incumbent), _said(pair.candidate)
        problems += [f"cost.pairs[{at}]: {problem}" for problem in _wrong(pair, said, prices, fields)]
        prices[said] = pair
    if problems:
        raise ConfigError(*problems)
    limit = float("inf") if cost.at_most is None else float(cost.at_most)

    def price(record: Canonical, incumbent: Outcome, candidate: Outcome) -> float | None:
        pair = prices.get((_decision(incumbent, cost.field), _decision(candidate, cost.field)))
        if pair is None:
            return 0.0
        if pair.amount is None:
            return min(float(pair.cost), limit)
        amount = record.get(pair.amount)
        return None if amount is None else min(float(pair.cost + pair.times * Decimal(str(amount))), limit)

    return price


def _wrong(
    pair: CostPair, said: tuple[str, str], earlier: Mapping[tuple[str, str], CostPair], fields: Mapping[str, FieldRule]
) -> Sequence[str]:
    problems = []
    if said in earlier:
        problems.append("this pair is listed before")
    if said[0] == said[1]:
        problems.append("the two sides agree; only a disagreement costs")
    if pair.amount is not None:
        try:
            if (kind := known_field(pair.amount, fields).type or "text") not in NUMERIC:
                problems.append(f"an amount is a number, and {pair.amount} is a {kind}")
        except ConfigError as error:
            problems.append(str(error))
    return problems


def _said(value: Any) -> str:
    return "" if value is None else text(value)


def _decision(outcome: Outcome, field: str) -> str:
    if isinstance(outcome, Refusal):
        return REFUSED
    value = outcome.fields.get(field) if isinstance(outcome, Values) else None
    return "" if isinstance(value, list | dict) else _said(value)
