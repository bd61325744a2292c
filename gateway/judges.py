"""How one value of the two sides is judged, compiled from its rule. Pure; typed, so a spelling is no difference."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.comparison import Compare
from gateway.contract import ConfigError
from gateway.conversion import Step, converter, number, text
from gateway.function import function
from gateway.pairing import alike, paired
from gateway.rules import Rule
from gateway.transform import getter, path

_FAR = Decimal("1e300")  # a share of next to nothing may be more than a float holds


class Judged(NamedTuple):
    """Whether two values agree. `distance`, where both are numbers or dates: in the field's own unit, under `relative`
    as a share of the incumbent's value, for dates in days."""

    agree: bool
    distance: float | None = None


Judge = Callable[[Any, Any], Judged]
"""Judges (incumbent, candidate); raises Unjudged."""


class Unjudged(Exception):
    """The operator's own function failed, so nothing is known; says how, and never quotes a value."""


def compile_judge(rule: Compare, answer: Rule, tolerance: Decimal | None = None) -> Judge:
    """The judge of a rule for values of an answer field; `tolerance` instead of the rule's own. Raises ConfigError."""
    tolerance = rule.tolerance if tolerance is None else tolerance
    if rule.rule in ("set", "list"):
        judge = _items(rule, answer)
    elif rule.rule == "record":
        judge = _record(rule, answer)
    elif rule.rule == "python":
        judge = _function(str(rule.python))
    else:
        judge = _scalar(rule, tolerance, _typed(_conversion(answer)))
    return _translating(judge, rule.codes) if rule.codes else judge


def record_fields(rule: Compare, answer: Rule) -> Mapping[str, tuple[Compare, Rule]]:
    """The rule and the declaration of each path in a group: those given, and all that is declared beside."""
    given = [path(spelled) for spelled in rule.fields]
    declared = {".".join(map(str, at)): one for at, one in _declared(answer.fields) if not _covered(at, given)}
    exact = {spelled: (Compare(), one) for spelled, one in declared.items() if spelled not in rule.fields}
    return {spelled: (one, _at(answer, spelled)) for spelled, one in rule.fields.items()} | exact


def _covered(at: Sequence[str | int], given: Sequence[Sequence[str | int]]) -> bool:
    return any(tuple(at[: len(one)]) == tuple(one) and len(one) < len(at) for one in given)


def _declared(fields: Mapping[str, Rule], above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Rule]]:
    found: list[tuple[tuple[str, ...], Rule]] = []
    for name, rule in fields.items():
        inside = rule.fields and not rule.many
        found += _declared(rule.fields, (*above, name)) if inside else [((*above, name), rule)]
    return found


def _at(answer: Rule, spelled: str) -> Rule:
    """The declaration at a path in a group. Raises ConfigError where a declared group has none."""
    for step in path(spelled):
        if isinstance(step, str):
            if answer.fields and step not in answer.fields:
                raise ConfigError(f"no field of the group is called {step!r} (there are: {', '.join(answer.fields)})")
            answer = answer.fields.get(step, Rule())
    return answer


def _scalar(rule: Compare, tolerance: Decimal, typed: Step) -> Judge:
    judge = {"date": _within_days, "relative": _within_share}.get(rule.rule, _within)
    tolerance = Decimal(0) if rule.rule == "exact" else tolerance
    return lambda incumbent, candidate: judge(typed(incumbent), typed(candidate), tolerance)


def _translating(judge: Judge, codes: Mapping[str, Any]) -> Judge:
    def translated(value: Any) -> Any:
        if isinstance(value, list):
            return [translated(item) for item in value]
        return value if isinstance(value, dict) else codes.get(text(value), value)

    return lambda incumbent, candidate: judge(incumbent, translated(candidate))


def _items(rule: Compare, answer: Rule) -> Judge:
    item = rule.items or Compare(rule="record" if answer.fields else "exact")
    one = compile_judge(item, answer.model_copy(update={"many": False}))
    pairs, typed = paired if rule.rule == "set" else alike, _typed(_conversion(answer))

    def same(incumbent: Any, candidate: Any) -> bool:
        return one(incumbent, candidate).agree

    def judge(incumbent: Any, candidate: Any) -> Judged:
        return Judged(pairs(_listed(typed(incumbent)), _listed(typed(candidate)), same))

    return judge


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _conversion(answer: Rule) -> Step:
    return converter(answer.type) if answer.type else _untyped


def _record(rule: Compare, answer: Rule) -> Judge:
    parts = [
        (getter(path(spelled)), compile_judge(one, declared), one.rule != "ignore")
        for spelled, (one, declared) in record_fields(rule, answer).items()
    ]

    def judge(incumbent: Any, candidate: Any) -> Judged:
        for get, one, counts in parts:
            theirs, ours = get(incumbent), get(candidate)
            both = theirs is not None and ours is not None
            if counts and not (one(theirs, ours).agree if both else theirs is ours):
                return Judged(False)
        return Judged(True)

    return judge


def _function(spelled: str) -> Judge:
    """The operator's own function; it says yes or no, or that with a distance."""
    asked = function(spelled)

    def judge(incumbent: Any, candidate: Any) -> Judged:
        try:
            said = asked(incumbent, candidate)
            agree, distance = said if isinstance(said, tuple) else (said, None)
            return Judged(bool(agree), None if distance is None else float(distance))
        except Exception as error:  # a stranger's code: whatever it raises, this one record could not be judged
            raise Unjudged(f"{spelled} raised {type(error).__name__}") from error

    return judge


def _untyped(value: Any) -> Any:
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _typed(convert: Step) -> Step:
    """The value in the answer field's type; as it is where it has no such value, which then equals nothing typed."""

    def typed(value: Any) -> Any:
        if isinstance(value, list):
            return [typed(item) for item in value]
        try:
            return convert(value)
        except ValueError:
            return value

    return typed


def _numeric(value: Any) -> Decimal | None:
    """The exact number; None where it is none of a sane size."""
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        return None
    try:
        return number(value)
    except ValueError:
        return None


def _within(incumbent: Any, candidate: Any, tolerance: Decimal) -> Judged:
    """Exact is a tolerance of nothing."""
    one, other = _numeric(incumbent), _numeric(candidate)
    if one is None or other is None:
        return Judged(bool(incumbent == candidate))
    away = abs(one - other)
    return Judged(away <= tolerance, float(away))


def _within_share(incumbent: Any, candidate: Any, tolerance: Decimal) -> Judged:
    """A share of the incumbent's magnitude; with zero only zero agrees."""
    agree, away = _within(incumbent, candidate, Decimal(0))
    if agree or away is None or not incumbent:
        return Judged(agree, 0.0 if agree and away is not None else None)
    base = abs(number(incumbent))
    share = abs(number(incumbent) - number(candidate)) / base
    return Judged(share <= tolerance, float(min(share, _FAR)))


def _within_days(incumbent: Any, candidate: Any, tolerance: Decimal) -> Judged:
    try:
        away = abs(_moment(incumbent) - _moment(candidate)) / timedelta(days=1)
    except (ValueError, TypeError):  # no date; or one side has a time zone and the other has none
        return Judged(bool(incumbent == candidate))
    return Judged(Decimal(away) <= tolerance, away)


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(text(value))
