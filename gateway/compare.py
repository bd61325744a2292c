"""Whether two canonical outcomes agree, field by field, and what a disagreement costs. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple, TypeVar

from gateway.answers import answer_rules
from gateway.canonical import Canonical, Test
from gateway.comparison import Compare
from gateway.config import Route
from gateway.contract import ConfigError, Opaque, Outcome, Payload, Refusal, Values
from gateway.conversion import Step
from gateway.cost import compile_cost
from gateway.judges import Judge, Unjudged, compile_judge, record_fields
from gateway.known import Difference, compile_known
from gateway.rules import Rule
from gateway.segments import compile_segments, compile_tests, read_fields
from gateway.transform import getter, path, unknown

T = TypeVar("T")


class Kind(StrEnum):
    """What a comparison found. Known differences are counted apart; opaque is kept out of agreement."""

    AGREE = "agree"
    DISAGREE = "disagree"
    KNOWN = "known"
    OPAQUE = "opaque"


class FieldVerdict(NamedTuple):
    """One field. `distance` as a judge tells it; `known` names the entry of the register that knows the difference."""

    kind: Kind
    rule: str
    distance: float | None
    known: str = ""


class Verdict(NamedTuple):
    """One record. `fields` by name, fields of a group by path. `reason` names fields and fault codes, never values, so
    that it can be counted by. `cost` is in the route's currency: 0 unless it disagrees, None without a price."""

    kind: Kind
    fields: Mapping[str, FieldVerdict]
    reason: str
    known: str = ""
    """The entry that knows of a refusal on one side."""
    cost: float | None = None
    segments: Sequence[str] = ()


Comparison = Callable[[Canonical, Outcome, Outcome, date], Verdict]
"""Judges (record, incumbent, candidate), all canonical, on a day in UTC, which known differences depend on."""


class _Judged(NamedTuple):
    name: str
    get: Step | None
    """Where the value stands below the answer; None where it is the answer's own field."""
    rule: str
    judge: Judge
    segmented: Sequence[tuple[Test, Judge]]


def compile_compare(route: Route, source: str | None = None, name: str = "NAME") -> Comparison:
    """The comparison of a route; with `source`, of only those fields that this source's reply has.

    A field that one side lacks is a disagreement; one under the rule ignore is in no verdict; where nothing is left
    to compare the verdict is opaque. Raises ConfigError, which names the route as `name`."""
    problems: list[str] = []
    answers = answer_rules(route)
    judged = _collected(problems, lambda: _compiled(route, answers)) or ()
    names = [one.name for one in judged]
    known = _collected(problems, lambda: compile_known(route.known_differences, route.fields, names))
    segments = _collected(problems, lambda: compile_segments(route.segments, route.fields))
    price = _collected(problems, lambda: route.cost and compile_cost(route.cost, route.fields, answers))
    if problems or known is None or segments is None:
        raise ConfigError(*(f"routes.{name}.{problem}" for problem in problems))
    carried = answers if source is None else route.sources[source].answer
    judges = [one for one in judged if one.name.partition(".")[0] in carried]

    def compare(record: Canonical, incumbent: Outcome, candidate: Outcome, today: date) -> Verdict:
        def told(difference: Difference) -> str:
            return known(record, difference, today)

        if isinstance(incumbent, Values) and isinstance(candidate, Values):
            found = _judged(judges, record, incumbent.fields, candidate.fields, told)
        else:
            found = _refused(incumbent, candidate, told)
        cost = (price(record, incumbent, candidate) if found[0] is Kind.DISAGREE else 0.0) if price else None
        return Verdict(*found, cost, segments(record))

    return compare


def itself(route: Route) -> Route:
    """The route under which one side is compared with itself: nothing to translate, nothing known, nothing priced."""
    rules = {name: _untranslated(rule) for name, rule in route.compare.items()}
    return route.model_copy(update={"compare": rules, "known_differences": {}, "cost": None})


def _untranslated(rule: Compare) -> Compare:
    items = rule.items and _untranslated(rule.items)
    fields = {name: _untranslated(one) for name, one in rule.fields.items()}
    return rule.model_copy(update={"codes": None, "items": items, "fields": fields})


def needed(route: Route) -> set[str]:
    """The canonical fields of the request that comparing looks at, which a call that waits for its answer must keep."""
    named = read_fields(route.segments)
    named |= {one.field for entry in route.known_differences.values() for one in entry.when}
    return named | {pair.amount for pair in (route.cost.pairs if route.cost else ()) if pair.amount}


def _collected(problems: list[str], compiled: Callable[[], T]) -> T | None:
    try:
        return compiled()
    except ConfigError as error:
        problems.extend(error.problems)
        return None


def _compiled(route: Route, answers: Mapping[str, Rule]) -> Sequence[_Judged]:
    """How every field is judged; a group's by path. Raises ConfigError with every problem, each below `compare`."""
    tests = compile_tests(route.segments, route.fields)
    judged: list[_Judged] = []
    problems = [
        f"compare.{name}: {unknown('answer field', name, answers)}" for name in route.compare if name not in answers
    ]
    for name, answer in answers.items():
        rule = route.compare.get(name, Compare(rule="record" if answer.fields and not answer.many else "exact"))
        try:
            judged += [_field(*part, tests) for part in _parts(name, rule, answer) if part[2].rule != "ignore"]
        except ConfigError as error:
            problems += [f"compare.{name}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(*problems)
    return judged


def _parts(name: str, rule: Compare, answer: Rule) -> Iterator[tuple[str, Step | None, Compare, Rule]]:
    if rule.rule == "record" and not answer.many:
        if not answer.fields:
            raise ConfigError("record compares a group; state its `fields` in `answer.fields`")
        for spelled, (inner, declared) in record_fields(rule, answer).items():
            yield f"{name}.{spelled}", getter((name, *path(spelled))), inner, declared
    else:
        yield name, None, rule, answer


_FITS = {"absolute": ("integer", "decimal", "float"), "date": ("date", "datetime")}


def _field(name: str, get: Step | None, rule: Compare, answer: Rule, tests: Mapping[str, Test]) -> _Judged:
    wanted = _FITS.get("absolute" if rule.rule == "relative" else rule.rule)
    if wanted and answer.type is not None and answer.type not in wanted:
        raise ConfigError(f"{rule.rule} cannot compare a {answer.type}")
    for segment in rule.segments.keys() - tests:
        raise unknown("segment with a condition", segment, tests)
    segmented = [(tests[segment], compile_judge(rule, answer, other)) for segment, other in rule.segments.items()]
    return _Judged(name, get, rule.rule, compile_judge(rule, answer), segmented)


def _spoken(outcome: Outcome) -> str:
    return f"refused {outcome.code}" if isinstance(outcome, Refusal) else "answered"


_Found = tuple[Kind, Mapping[str, FieldVerdict], str, str]


def _refused(incumbent: Outcome, candidate: Outcome, told: Callable[[Difference], str]) -> _Found:
    for side, outcome in (("incumbent", incumbent), ("candidate", candidate)):
        if isinstance(outcome, Opaque):
            return Kind.OPAQUE, {}, f"{side}: {outcome.reason}", ""
    ours, theirs = _spoken(candidate), _spoken(incumbent)
    if ours == theirs:
        return Kind.AGREE, {}, "", ""
    known = told(Difference(None, theirs, ours, None))
    return Kind.KNOWN if known else Kind.DISAGREE, {}, f"incumbent {theirs}, candidate {ours}", known


def _judged(
    judges: Sequence[_Judged], record: Canonical, incumbent: Payload, candidate: Payload,
    told: Callable[[Difference], str],
) -> _Found:  # fmt: skip
    fields: dict[str, FieldVerdict] = {}
    whole, differ = Kind.AGREE, []
    for name, get, rule, judge, segmented in judges:
        theirs, ours = (get(incumbent), get(candidate)) if get else (incumbent.get(name), candidate.get(name))
        agree, distance = False, None
        if theirs is None or ours is None:
            if theirs is ours:
                continue
        else:
            if segmented:
                judge = next((other for holds, other in segmented if holds(record)), judge)
            try:
                agree, distance = judge(theirs, ours)
            except Unjudged as error:
                return Kind.OPAQUE, {}, f"{name}: {error}", ""
        if agree:
            fields[name] = FieldVerdict(Kind.AGREE, rule, distance)
        elif known := told(Difference(name, theirs, ours, distance)):
            fields[name] = FieldVerdict(Kind.KNOWN, rule, distance, known)
            whole = Kind.KNOWN
        else:
            fields[name] = FieldVerdict(Kind.DISAGREE, rule, distance)
            differ.append(name)
    if not fields:
        return Kind.OPAQUE, fields, "nothing to compare", ""
    return Kind.DISAGREE if differ else whole, fields, ", ".join(differ), ""
