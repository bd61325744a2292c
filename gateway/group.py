"""The way of a value that is a group of fields, to the other side and back."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.contract import ConfigError, Payload
from gateway.conversion import Step, shown
from gateway.rules import Rule

Compiled = Callable[[Rule], Step]
Getter = Callable[[str], Callable[[Payload], Any]]
Putter = Callable[[dict[str, Any], str, Any], None]

_OWN = {"from_", "fields", "many", "limit", "optional"}


def grouped(fields: Mapping[str, Rule], forward: Compiled, get: Getter) -> Step:
    """A group of the other side as canonical fields; what is compiled raises ValueError and names the field."""
    parts = [
        (name, get(rule.from_ or name), _checked(name, rule, forward), rule.optional) for name, rule in fields.items()
    ]

    def convert(value: Any) -> dict[str, Any] | None:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise ValueError(f"{shown(value)} is not a group of fields")
        group: dict[str, Any] = {}
        for name, read, one, optional in parts:
            try:
                item = one(read(value))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            if item is not None:
                group[name] = item
            elif not optional:
                raise ValueError(f"{name}: is missing")
        return group

    return convert


def ungrouped(fields: Mapping[str, Rule], backward: Compiled, put: Putter) -> Step:
    """Canonical fields as a group of the other side; what is compiled raises ValueError and names the field."""
    parts = [(name, rule.from_ or name, _checked(name, rule, backward), rule.optional) for name, rule in fields.items()]

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError(f"{shown(value)} is not a group of fields")
        group: dict[str, Any] = {}
        for name, spelled, one, optional in parts:
            if value.get(name) is not None:
                put(group, spelled, one(value[name]))
            elif not optional:
                raise ValueError(f"{name}: is missing")
        return group

    return convert


def only_fields(rule: Rule) -> None:
    """Raises ConfigError where a group is given steps of its own: those belong to its fields."""
    if alien := sorted(name for name in rule.model_fields_set - _OWN if getattr(rule, name) not in (None, False)):
        raise ConfigError(f"{' and '.join(alien)} cannot be used with `fields`; give them to one of the fields")


def _checked(name: str, rule: Rule, compiled: Compiled) -> Step:
    if (rule.constant, rule.echo, rule.now) != (None,) * 3:
        raise ConfigError(f"fields.{name}: a field of a group comes from the group")
    try:
        return compiled(rule)
    except ConfigError as error:
        raise ConfigError(*(f"fields.{name}: {problem}" for problem in error.problems)) from None
