"""Whether two canonical outcomes agree, field by field. Pure; typed, so that a spelling is never a difference."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from gateway.config import Route
from gateway.contract import ConfigError, Opaque, Outcome, Payload, Refusal, Values
from gateway.conversion import Step, converter, number, text
from gateway.mapping import answer_rules
from gateway.rules import Compare, Rule
from gateway.transform import unknown

Judge = Callable[[Any, Any], tuple[bool, float | None]]
_FAR = Decimal("1e300")  # a share of next to nothing may be more than a float holds


class Kind(StrEnum):
    """What a comparison found; opaque is kept out of agreement."""

    AGREE = "agree"
    DISAGREE = "disagree"
    OPAQUE = "opaque"


@dataclass(slots=True, frozen=True)
class FieldVerdict:
    """One field. `distance`, where both sides are numbers or dates: in the field's own unit, under `relative` as a
    share of the incumbent's value, for dates in days."""

    agree: bool
    rule: str
    distance: float | None


@dataclass(slots=True, frozen=True)
class Verdict:
    """One record. `reason` names fields and fault codes, never values, so that it can be counted by."""

    kind: Kind
    fields: Mapping[str, FieldVerdict]
    reason: str


Comparison = Callable[[Outcome, Outcome], Verdict]
"""Judges (incumbent, candidate), both canonical."""


def compile_compare(route: Route, source: str | None = None, name: str = "NAME") -> Comparison:
    """The comparison of a route; with `source`, of only those fields that this source's reply has.

    A field that one side lacks is a disagreement; one under the rule ignore is in no verdict; where nothing is left
    to compare the verdict is opaque. Raises ConfigError, which names the route as `name`."""
    answers = answer_rules(route)
    if problems := [problem for field, rule in route.compare.items() for problem in _problems(field, rule, answers)]:
        raise ConfigError(*(f"routes.{name}.{problem}" for problem in problems))
    carried = answers if source is None else route.sources[source].answer
    rules = {field: route.compare.get(field, Compare()) for field in answers if field in carried}
    judges = {at: (rule.rule, _judge(rule, answers[at])) for at, rule in rules.items() if rule.rule != "ignore"}

    def compare(incumbent: Outcome, candidate: Outcome) -> Verdict:
        for side, outcome in (("incumbent", incumbent), ("candidate", candidate)):
            if isinstance(outcome, Opaque):
                return Verdict(Kind.OPAQUE, {}, f"{side}: {outcome.reason}")
        if isinstance(incumbent, Values) and isinstance(candidate, Values):
            return _verdict(judges, incumbent.fields, candidate.fields)
        ours, theirs = _spoken(candidate), _spoken(incumbent)
        return Verdict(Kind.AGREE, {}, "") if ours == theirs else Verdict(
            Kind.DISAGREE, {}, f"incumbent {theirs}, candidate {ours}")  # fmt: skip

    return compare


def _problems(name: str, rule: Compare, answers: Mapping[str, Rule]) -> list[str]:
    if name not in answers:
        return [f"compare.{name}: {unknown('answer field', name, answers)}"]
    kind = answers[name].type
    fits = {"absolute": ("integer", "decimal", "float"), "date": ("date", "datetime")}
    wanted = fits.get("absolute" if rule.rule == "relative" else rule.rule)
    problems = [] if kind is None or not wanted or kind in wanted else [f"{rule.rule} cannot compare a {kind}"]
    if rule.tolerance < 0:
        problems.append("a tolerance is 0 or more")
    return [f"compare.{name}: {problem}" for problem in problems]


def _spoken(outcome: Outcome) -> str:
    return f"refused {outcome.code}" if isinstance(outcome, Refusal) else "answered"


def _verdict(judges: Mapping[str, tuple[str, Judge]], incumbent: Payload, candidate: Payload) -> Verdict:
    fields: dict[str, FieldVerdict] = {}
    for name, (rule, judge) in judges.items():
        theirs, ours = incumbent.get(name), candidate.get(name)
        if theirs is not None and ours is not None:
            agree, distance = judge(theirs, ours)
            fields[name] = FieldVerdict(agree, rule, distance)
        elif theirs is not None or ours is not None:
            fields[name] = FieldVerdict(False, rule, None)
    if not fields:
        return Verdict(Kind.OPAQUE, fields, "nothing to compare")
    differ = ", ".join(name for name, verdict in fields.items() if not verdict.agree)
    return Verdict(Kind.DISAGREE if differ else Kind.AGREE, fields, differ)


def _judge(rule: Compare, answer: Rule) -> Judge:
    judge = {"set": _same_set, "date": _within_days, "relative": _within_share}.get(rule.rule, _within)
    typed = _typed(converter(answer.type) if answer.type else _untyped)
    tolerance, codes = Decimal(0) if rule.rule == "exact" else rule.tolerance, rule.codes or {}

    def translated(value: Any) -> Any:
        if isinstance(value, list):
            return [translated(item) for item in value]
        return codes.get(text(value), value)

    def compare(incumbent: Any, candidate: Any) -> tuple[bool, float | None]:
        candidate = translated(candidate) if codes else candidate
        return judge(typed(incumbent), typed(candidate), tolerance)

    return compare


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


def _numeric(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and math.isfinite(value)


def _within(incumbent: Any, candidate: Any, tolerance: Decimal) -> tuple[bool, float | None]:
    """Exact is a tolerance of nothing."""
    if not (_numeric(incumbent) and _numeric(candidate)):
        return bool(incumbent == candidate), None
    away = abs(number(incumbent) - number(candidate))
    return away <= tolerance, float(away)


def _within_share(incumbent: Any, candidate: Any, tolerance: Decimal) -> tuple[bool, float | None]:
    """A share of the incumbent's magnitude; with zero only zero agrees."""
    agree, away = _within(incumbent, candidate, Decimal(0))
    if agree or away is None or not incumbent:
        return agree, 0.0 if agree and away is not None else None
    base = abs(number(incumbent))
    share = abs(number(incumbent) - number(candidate)) / base
    return share <= tolerance, float(min(share, _FAR))


def _same_set(incumbent: Any, candidate: Any, tolerance: Decimal) -> tuple[bool, float | None]:
    """The same items as often, in any order."""
    one, other = (Counter(side) if isinstance(side, list) else Counter([side]) for side in (incumbent, candidate))
    return one == other, None


def _within_days(incumbent: Any, candidate: Any, tolerance: Decimal) -> tuple[bool, float | None]:
    try:
        away = abs(_moment(incumbent) - _moment(candidate)) / timedelta(days=1)
    except (ValueError, TypeError):  # no date; or one side has a time zone and the other has none
        return bool(incumbent == candidate), None
    return Decimal(away) <= tolerance, away


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(text(value))
