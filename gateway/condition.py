"""Conditions on the canonical fields of a request, compiled to tests. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.canonical import Canonical, Test
from gateway.contract import ConfigError
from gateway.conversion import converter
from gateway.rules import Condition, FieldRule
from gateway.transform import unknown

NUMERIC = ("integer", "decimal", "float")


def known_field(name: str, fields: Mapping[str, FieldRule]) -> FieldRule:
    """The canonical field of this name. Raises ConfigError that suggests the nearest."""
    if name not in fields:
        raise unknown("field", name, fields)
    return fields[name]


def compile_condition(condition: Condition, fields: Mapping[str, FieldRule]) -> Test:
    """Whether a record meets the condition. Raises ConfigError."""
    name, below, above, missing = condition.field, condition.below, condition.above, condition.missing
    kind = known_field(name, fields).type or "text"
    if (below is not None or above is not None) and kind not in NUMERIC:
        raise ConfigError(f"below and above need a number, and {name} is a {kind}")
    if (below, above, missing, condition.is_in) == (None,) * 4:
        raise ConfigError("give at least one of below, above, in and missing")
    if missing and (below, above, condition.is_in) != (None,) * 3:
        raise ConfigError("`missing: true` excludes the other tests")
    allowed = None if condition.is_in is None else {converter(kind)(value) for value in condition.is_in}

    def test(value: Any) -> bool:
        if (below is not None and not value < below) or (above is not None and not value > above):
            return False
        return allowed is None or value in allowed

    def holds(canonical: Canonical) -> bool:
        value = canonical.get(name)
        if value is None or missing:
            return bool(missing) and value is None
        return any(map(test, value)) if isinstance(value, list) else test(value)

    return holds


def compile_conditions(conditions: Sequence[Condition], fields: Mapping[str, FieldRule]) -> Test:
    """Whether a record meets every one of the conditions. Raises ConfigError."""
    tests = [compile_condition(one, fields) for one in conditions]
    return tests[0] if len(tests) == 1 else lambda canonical: all(holds(canonical) for holds in tests)
