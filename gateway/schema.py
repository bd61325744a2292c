"""A model's schema against what it answers, and against what a mapping feeds it. Pure."""

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from gateway.contract import BadPrediction

Rule = Mapping[str, Any]

_KINDS: Mapping[str, Any] = {
    "number": (int, float), "integer": int, "text": str, "boolean": bool, "list": list, "record": dict,
}  # fmt: skip


def check(prediction: Mapping[str, Any], outputs: Mapping[str, Rule]) -> None:
    """Every described output is there, of its type, finite, in range and of a known class; raises BadPrediction.

    Outputs that the schema does not describe are left alone: no mapping can name them."""
    for name, rule in outputs.items():
        value = prediction.get(name)
        if value is not None:
            _check_value(name, value, rule)
        elif not rule.get("optional"):
            raise BadPrediction(f"{name}: the model gave no value")


def problems(features: Iterable[str], schema: Mapping[str, Any]) -> list[str]:
    """One sentence for each feature that the model does not know or needs and does not get; empty when all fit.

    A schema without inputs takes any features."""
    inputs: Mapping[str, Rule] = schema["inputs"]
    given = list(features)
    if not inputs:
        return []
    unknown = [name for name in given if name not in inputs]
    missing = [name for name, rule in inputs.items() if name not in given and not rule.get("optional")]
    return [_unknown(name, inputs) for name in unknown] + [f"the model needs feature {name!r}" for name in missing]


def _unknown(name: str, inputs: Mapping[str, Rule]) -> str:
    near = get_close_matches(name, inputs, 1)
    return f"the model has no feature {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _check_value(name: str, value: Any, rule: Rule) -> None:
    kind = rule["type"]
    if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        raise BadPrediction(f"{name}: expected {kind}, found {value!r:.60}")
    if kind in ("number", "integer"):
        _check_range(name, value, rule)
    if kind == "list":
        for at, item in enumerate(value):
            _check_value(f"{name}[{at}]", item, rule["items"])
    elif kind == "record":
        check(value, rule["fields"])
    elif "values" in rule and value not in rule["values"]:
        raise BadPrediction(f"{name}: {value!r:.60} is not a known class")


def _check_range(name: str, value: float, rule: Rule) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadPrediction(f"{name}: {value} is not finite")
    if not rule.get("minimum", -math.inf) <= value <= rule.get("maximum", math.inf):
        raise BadPrediction(f"{name}: {value} is outside {rule.get('minimum', '-inf')} to {rule.get('maximum', 'inf')}")
