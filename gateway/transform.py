"""One rule compiled to closures: reading a value out of a payload, its way to the other side, and its way back.

A missing value is None all along: absent, nil, and empty where the type knows no empty value.
"""

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from datetime import date, datetime, time
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from itertools import pairwise
from typing import Any

from gateway.complaints import nearest
from gateway.contract import ConfigError, Path, Payload
from gateway.conversion import Step, converter, finite, number, shown, text
from gateway.function import imported
from gateway.group import grouped, only_fields, ungrouped
from gateway.rules import Band, Rule

_PART = re.compile(r"([^\[\]\s]+(?: +[^\[\]\s]+)*)((?:\[[0-9]{1,3}\])*)")
_EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, Overflow])
_IDLE = {"from_", "constant", "echo", "now", "optional", "type", "format", "inverse"}
"""Of a rule, what does nothing to a value that has its type already."""
_UNCHANGED: Mapping[str, type] = {
    "text": str, "integer": int, "boolean": bool, "date": date, "datetime": datetime, "time": time,
}  # fmt: skip
_ROUNDING = Context(prec=400, traps=[InvalidOperation, Overflow])


def unknown(what: str, name: str, names: Iterable[str]) -> ConfigError:
    """Says that no `what` has this name, and which name was probably meant."""
    return ConfigError(f"no {what} is called {name!r}{nearest(name, names)}")


def path(spelled: str) -> Path:
    """`Line[0].Id` as ("Line", 0, "Id"). Raises ConfigError."""
    steps: list[str | int] = []
    for part in spelled.split("."):
        if not (match := _PART.fullmatch(part)):
            raise ConfigError(f"{spelled!r} is not a path; expected for example Application.Line[0].Amount.@Currency")
        steps += [match[1], *(int(index) for index in re.findall("[0-9]+", match[2]))]
    return tuple(steps)


def getter(steps: Path) -> Callable[[Payload], Any]:
    """Reads the value at a path, or None. Of an element that also has attributes it reads the text."""
    *parents, last = steps

    def get(payload: Any) -> Any:
        for step in parents:
            payload = _child(payload, step)
        return unwrapped(_child(payload, last))

    def direct(payload: Any) -> Any:
        try:
            for step in parents:
                payload = payload[step]
            value = payload.get(last)
        except (KeyError, TypeError, AttributeError):
            return None
        return value["#text"] if value.__class__ is dict and "#text" in value else value

    return get if any(isinstance(step, int) for step in steps) else direct


def _child(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else None
    return value.get(step) if isinstance(value, Mapping) else None


def unwrapped(value: Any) -> Any:
    """The text of an element that also has attributes; any other value as it is."""
    return value["#text"] if isinstance(value, dict) and "#text" in value else value


def put(target: MutableMapping[str, Any], steps: Path, value: Any) -> None:
    """Sets the value at a path, creating the groups and lists on the way."""
    node: Any = target
    for step, after in pairwise(steps):
        node = settle(node, step, [] if isinstance(after, int) else {})
    settle(node, steps[-1], value)


def settle(node: Any, step: str | int, value: Any) -> Any:
    """What stands in a group or list at this step; the value, where nothing does."""
    if not isinstance(step, int):
        return node.setdefault(step, value)
    node.extend([None] * (step + 1 - len(node)))
    if node[step] is None:
        node[step] = value
    return node[step]


def forward(rule: Rule, then: Rule | None = None) -> Step:
    """The way of a rule, and of `then` after it. Raises ConfigError; what is compiled raises ValueError."""
    if rule.fields:
        only_fields(rule)
        group = grouped(rule.fields, forward, lambda spelled: getter(path(spelled)))
        return _items(group, rule.limit) if rule.many else group
    way = [stage for stage in map(_stage, (rule, then) if then else (rule,)) if stage]
    one: Step = (lambda value: way[1](way[0](value))) if len(way) == 2 else way[0] if way else finite
    if rule.python is None:
        _try(one, rule)
    return _items(one, rule.limit) if rule.many else one


def passing(rule: Rule, then: Rule | None = None) -> type | None:
    """The class whose values `forward` of the same rules gives back as they are; None where there may be none."""
    rules = [rule, then] if then else [rule]
    if any(one.model_dump(exclude=_IDLE, exclude_defaults=True) for one in rules):
        return None
    kinds = {one.type for one in rules if one.type}
    return _UNCHANGED.get(kinds.pop()) if len(kinds) == 1 else None


def backward(rule: Rule) -> Step:
    """The way back of a rule, canonical to source. Raises ConfigError where there is none."""
    if rule.inverse is not None:
        one = imported(rule.inverse) if isinstance(rule.inverse, str) else _decoded(rule.inverse, None)
    elif rule.fields:
        one = ungrouped(rule.fields, backward, lambda group, spelled, value: put(group, path(spelled), value))
    elif rule.python or rule.bands:
        raise ConfigError("bands and python cannot be inverted; give `inverse`, or `ceiling: shadow` for this source")
    elif rule.codes:
        one = _inverted(rule)
    else:
        one = _unscaled(rule)
    return _items(one, rule.limit) if rule.many else one


def _steps(rule: Rule) -> list[Step]:
    steps: list[Step] = []
    if rule.codes is not None:
        steps.append(_decoded(rule.codes, rule.other))
    if rule.scale is not None or rule.offset is not None:
        steps.append(_scaled(rule.scale or Decimal(1), rule.offset or Decimal(0)))
    if rule.bands:
        steps.append(_banded(rule.bands))
    if rule.round is not None:
        steps.append(_rounded(rule.round))
    if rule.format and rule.type not in ("date", "datetime", "time"):
        raise ConfigError("a format belongs to a date, a datetime or a time; give the type too")
    if rule.type:
        steps.append(converter(rule.type, rule.format))
    if rule.python:
        steps.append(imported(rule.python))
    return steps


def _stage(rule: Rule) -> Step | None:
    """A rule's steps as one; None where it has none."""
    steps, tidy, default, blank = _steps(rule), _tidy(rule), rule.default, _blank(rule)
    if not steps and not tidy and default is None:
        return None
    # Only codes and bands come from the configuration as they are; what is scaled or rounded is finite.
    scaled = not rule.bands and (rule.scale is not None or rule.offset is not None)
    steps = steps if rule.type or rule.python or rule.round is not None or scaled else [*steps, finite]
    if len(steps) == 1 and not tidy and default is None:
        return _one_step(steps[0], blank)

    def convert(value: Any) -> Any:
        if value.__class__ is str:
            for step in tidy:
                value = step(value)
            if blank and not value:
                value = None
        if value is None:
            if default is None:
                return None
            value = default
        for step in steps:
            value = step(value)
            if value is None:
                return None
        return value

    return convert


def _one_step(step: Step, blank: bool) -> Step:
    """The way of most rules, without the machinery of the few."""
    if blank:
        return lambda value: None if value is None or value == "" else step(value)
    return lambda value: None if value is None else step(value)


def _blank(rule: Rule) -> bool:
    """Whether an empty text is a missing value: where a default stands in, and where nothing can read it."""
    if rule.codes is not None:
        return rule.default is not None or "" not in rule.codes
    numeric = rule.scale is not None or rule.offset is not None or rule.bands or rule.round is not None
    return rule.default is not None or bool(numeric) or rule.type not in (None, "text")


def _tidy(rule: Rule) -> Sequence[Step]:
    wanted = ((rule.trim, str.strip), (rule.strip_zeros, _without_zeros), (rule.upper, str.upper))
    return [step for want, step in wanted if want]


def _without_zeros(value: str) -> str:
    return value.lstrip("0") or value[-1:]


def _items(one: Step, limit: int | None) -> Step:
    def convert(value: Any) -> list[Any]:
        items = value if isinstance(value, list) else [] if value is None else [value]
        result = [one(unwrapped(item)) for item in items[:limit]]
        if None in result:
            raise ValueError("an item of the list is missing")
        return result

    return convert


def _decoded(table: Mapping[str, Any], other: Any) -> Step:
    known = ", ".join(list(table)[:8]) + (", ..." if len(table) > 8 else "")

    def decode(value: Any) -> Any:
        code = value if value.__class__ is str else text(value)
        if code in table:
            return table[code]
        if other is None:
            raise ValueError(f"{shown(value)} is not a known code (known: {known})")
        return other

    return decode


def _scaled(scale: Decimal, offset: Decimal) -> Step:
    def convert(value: Any) -> Decimal:
        try:
            return _EXACT.add(_EXACT.multiply(number(value), scale), offset)
        except DecimalException:
            raise ValueError(f"{shown(value)} has too many digits to be scaled exactly") from None

    return convert


def _banded(bands: Sequence[Band]) -> Step:
    def convert(value: Any) -> Any:
        exact = number(value)
        for band in bands:
            if band.below is None or exact < band.below:
                return band.value
        raise ValueError(f"{shown(value)} is above the last band")

    return convert


def _rounded(places: int) -> Step:
    unit = Decimal(1).scaleb(-places)

    def convert(value: Any) -> Decimal | int:
        result = number(value).quantize(unit, context=_ROUNDING)
        return int(result) if places <= 0 else result if result else abs(result)

    return convert


def _try(one: Step, rule: Rule) -> None:
    """Finds a default or a code table that its own type refuses before a call does."""
    for given in (None, *(rule.codes or ())):
        try:
            one(given)
        except ValueError as error:
            raise ConfigError(f"{'the default' if given is None else f'codes.{given}'}: {error}") from None


def _inverted(rule: Rule) -> Step:
    """Inverts codes together with what follows them, so that it is keyed by the typed canonical value."""
    onward = forward(rule.model_copy(update={"many": False, "default": None, "other": None}))
    table: dict[Any, str] = {}
    for code, value in (rule.codes or {}).items():
        canonical = onward(code)
        if value is not None and table.setdefault(canonical, code) != code:
            raise ConfigError(
                f"codes {table[canonical]!r} and {code!r} both mean {canonical!r}, so an answer cannot be written; "
                "give `inverse: {canonical: code}`, or `ceiling: shadow` for this source"
            )

    def encode(value: Any) -> str:
        try:
            return table[value]
        except (KeyError, TypeError):  # nothing that cannot be a key has a code
            raise ValueError(f"there is no code for {shown(value)}") from None

    return encode


def _unscaled(rule: Rule) -> Step:
    scale, offset, format_ = rule.scale, rule.offset, rule.format
    if scale == 0:
        raise ConfigError("a scale of 0 cannot be inverted")
    if (scale, offset, format_) == (None,) * 3:
        return finite

    def convert(value: Any) -> Any:
        if scale is not None or offset is not None:
            result = (number(value) - (offset or 0)) / (scale or 1)
            return int(result) if result == result.to_integral_value() else result
        if format_ is not None and isinstance(value, date | time):
            return value.strftime(format_)
        return finite(value)

    return convert
