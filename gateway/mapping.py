"""A route's mappings compiled, once, to pure closures. Every problem of a route is found in one go."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import permutations
from typing import Any

from gateway.answers import answer_rules
from gateway.canonical import Canonical, Records, RouteMapping, SourceMapping
from gateway.condition import compile_condition, known_field
from gateway.config import Route
from gateway.contract import ConfigError, Outcome, Path, Refusal, Stage, Values
from gateway.conversion import Step, finite, scalar, text
from gateway.fields import Field, Fields
from gateway.layout import Layout, Written
from gateway.rules import Each, FailedWhen, FieldRule, Rule, SourceRules
from gateway.transform import backward, forward, getter, passing, path, unknown

__all__ = ["Canonical", "Problems", "RouteMapping", "SourceMapping", "compile_route", "compile_source"]

_JSON: Mapping[str, type] = {"text": str, "integer": int, "boolean": bool}


def compile_route(name: str, route: Route) -> RouteMapping:
    """The mappings of a route. Raises ConfigError with every problem found, each with its place."""
    problems = Problems(f"routes.{name}")
    with problems.at("key"):
        _check_key(route)
    replies = any(source.answer for source in route.sources.values())
    if route.answer.base == "incumbent" and route.candidate and replies and not route.answer.fields:
        problems.append(f"routes.{name}.answer.fields: base incumbent replaces the fields listed here; list them")
    answers, fields = answer_rules(route), route.fields
    sources = {source: compile_source(source, route, answers, problems) for source in route.sources}
    features = route.features or {feature: Rule() for feature in fields if feature != route.key}
    made = _all(problems, "features", features, lambda name, rule: _feature(name, rule, fields))
    answered = _all(problems, "answer.fields", answers, lambda name, rule: _answer(name, rule, fields))
    refusals, segments = [], []
    for at, refuse in enumerate(route.answer.refuse):
        with problems.at(f"answer.refuse[{at}].when"):
            detail = _all(problems, f"answer.refuse[{at}].detail", refuse.detail, lambda n, r: _detail(n, r, fields))
            refusals.append((compile_condition(refuse.when, fields), refuse, Fields(detail)))
    for at, condition in enumerate(route.keep_incumbent):
        with problems.at(f"keep_incumbent[{at}]"):
            segments.append(compile_condition(condition, fields))
    problems.stop()
    asked = (rule.from_ or answer for answer, rule in answers.items() if not _origins(rule) - {"from"})
    outputs = tuple(dict.fromkeys(str(path(spelled)[0]) for spelled in asked))
    return RouteMapping(
        sources, tuple(features), tuple(answers), outputs, Fields(made), Fields(answered), refusals, segments
    )


def read_key(route: Route, spelled: str) -> Any:
    """The canonical key that a text spells, as a source's would be read. Raises ConfigError, Unmappable."""
    if route.key is None:
        raise ConfigError("the route has no key")
    [value] = Fields((_request(route.key, Rule(), route.fields[route.key]),)).read({route.key: spelled}).values()
    return value


class Problems(list[str]):
    """Collects what is wrong, each with its place in the configuration."""

    def __init__(self, root: str) -> None:
        super().__init__()
        self.root = root

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Notes a ConfigError, or a value that its own type refuses, under this place and goes on."""
        try:
            yield
        except ConfigError as error:
            self.extend(f"{self.root}.{place}: {problem}" for problem in error.problems)
        except ValueError as error:
            self.append(f"{self.root}.{place}: {error}")

    def stop(self) -> None:
        """Raises ConfigError where anything was noted."""
        if self:
            raise ConfigError(*self)


def _all(
    problems: Problems, place: str, rules: Mapping[str, Rule], compiled: Callable[[str, Rule], Field]
) -> Sequence[Field]:
    fields = []
    for name, rule in rules.items():
        with problems.at(f"{place}.{name}"):
            fields.append(compiled(name, rule))
    return tuple(fields)


def _check_key(route: Route) -> None:
    if route.key is None:
        return
    if route.key not in route.fields:
        raise unknown("field", route.key, route.fields)
    if (kind := route.fields[route.key].type) in ("decimal", "float", "boolean"):
        raise ConfigError(f"a {kind} cannot be a key, since one value has several spellings; make it a text")


def _origins(rule: Rule) -> set[str]:
    origins = {"from": rule.from_, "constant": rule.constant, "echo": rule.echo, "now": rule.now}
    return {name for name, value in origins.items() if value is not None}


def _allow(rule: Rule, *allowed: str, group: bool = False) -> None:
    if alien := _origins(rule) - set(allowed):
        raise ConfigError(f"{' and '.join(sorted(alien))} cannot be used here")
    if {"from", "constant"} <= _origins(rule):
        raise ConfigError("give one of from and constant")
    if rule.inverse is not None:
        raise ConfigError("`inverse` belongs to a source's answer")
    if rule.fields and not group:
        raise ConfigError("`fields` belongs to an answer: only answers have groups")


def _field(
    name: str, rule: Rule, where: Path, convert: Step, optional: bool = False, passing: type | None = None
) -> Field:
    """A field, with a constant converted here and now."""
    if rule.constant is None:
        return Field(name, where, convert, rule.optional or optional, passing)
    value = convert(rule.constant)
    return Field(name, where, lambda _: value, rule.optional)


def _request(name: str, rule: Rule, field: FieldRule) -> Field:
    _allow(rule, "from", "constant")
    then = Rule(
        type=field.type or "text", trim=field.trim, strip_zeros=field.strip_zeros, upper=field.upper,
        default=field.default, format=None if rule.type else rule.format,
    )  # fmt: skip
    own = rule if rule.type else rule.model_copy(update={"format": None})
    where = path(rule.from_ or name)
    return _field(name, rule, where, forward(own, then), field.optional, passing(own, then))


def _feature(name: str, rule: Rule, fields: Mapping[str, FieldRule]) -> Field:
    _allow(rule, "from", "constant")
    if rule.constant is not None:
        return _field(name, rule, (name,), _scalar_after(forward(rule)))
    field = known_field(rule.from_ or name, fields)
    convert = forward(rule)
    where, kind = (rule.from_ or name,), field.type or "text"
    if convert is finite and kind in ("decimal", "float"):  # finite, as a canonical field
        return _field(name, rule, where, _real, field.optional, float)
    return _field(
        name, rule, where, _scalar_after(convert), field.optional, _JSON.get(kind) if convert is finite else None
    )


def _real(value: Any) -> Any:
    return None if value is None else float(value)


def _scalar_after(convert: Step) -> Step:
    def feature(value: Any) -> Any:
        value = convert(value)
        return value if value is None or value.__class__ is str else scalar(value)

    return feature


def _answer(name: str, rule: Rule, fields: Mapping[str, FieldRule]) -> Field:
    _allow(rule, "from", "constant", "echo", "now", group=True)
    optional = rule.echo is not None and known_field(rule.echo, fields).optional
    convert = forward(rule)
    if rule.now == "date":
        return _field(name, rule, ("now",), lambda now: convert(now.date()))
    return _field(name, rule, _origin(name, rule), convert, optional, passing(rule))


def _origin(name: str, rule: Rule) -> Path:
    """Where the value stands in what an answer is made of, see RouteMapping.answer."""
    if rule.echo is not None:
        return ("echo", rule.echo)
    return ("now",) if rule.now is not None else ("from", *path(rule.from_ or name))


def _detail(name: str, rule: Rule, fields: Mapping[str, FieldRule]) -> Field:
    _allow(rule, "from", "constant", "echo")
    path(name)
    taken = rule.echo or rule.from_ or name
    optional = rule.constant is None and known_field(taken, fields).optional
    return _field(name, rule, (taken,), forward(rule), optional, passing(rule))


def compile_source(source: str, route: Route, answers: Mapping[str, Rule], problems: Problems) -> SourceMapping:
    """The mapping of one source of a route; what is wrong is noted in `problems`."""
    rules, place = route.sources[source], f"sources.{source}"
    for name in rules.request.keys() - route.fields.keys():
        with problems.at(f"{place}.request"):
            raise unknown("field", name, route.fields)
    wanted = {name: _taken(name, rules, field) for name, field in route.fields.items()}
    requested = {name: rule for name, rule in wanted.items() if rule}
    fields = _all(problems, f"{place}.request", requested, lambda name, rule: _request(name, rule, route.fields[name]))
    read, written = [], []
    for name, rule in rules.answer.items():
        with problems.at(f"{place}.answer.{name}"):
            written.append(_written(name, rule, answers, bool(route.candidate) and rules.ceiling > Stage.SHADOW))
            if rule.constant is None:
                merged = _merged(rule, answers[name])
                where = path(rule.from_ or name)
                read.append(Field(name, where, forward(merged), merged.optional, passing(merged)))
    each = None
    with problems.at(f"{place}.answer"):
        written = _apart(written)
    with problems.at(f"{place}.each"):
        each = _records(rules.each) if rules.each else None
    key = next((field for field in fields if field.name == route.key), None)
    with problems.at(f"{place}.each.key"):
        key = (
            _request("key", Rule.model_validate({"from": rules.each.key}), FieldRule(trim=True)) if rules.each else key
        )
    failed = _failure(FailedWhen())
    with problems.at(f"{place}.failed_when"):
        failed = _failure(rules.failed_when)
    return SourceMapping(Fields(fields), Layout(written), Fields((key,)) if key else None, each, Fields(read), failed)


def _taken(name: str, rules: SourceRules, field: FieldRule) -> Rule | None:
    """A field that the source does not map is its default, or left out where it is optional."""
    if name in rules.request or field.default is None:
        return rules.request.get(name) or (None if field.optional else Rule())
    return Rule(constant=field.default)


def _merged(rule: Rule, answer: Rule) -> Rule:
    """The source's rule, with what the canonical answer says of type, list and group where the source says nothing."""
    _allow(rule.model_copy(update={"inverse": None}), "from", group=True)
    for name in rule.fields.keys() - answer.fields:
        raise ConfigError(f"fields.{name}: {unknown('field of the group', name, answer.fields)}")
    changes = {
        "type": rule.type or answer.type,
        "many": rule.many or answer.many,
        "optional": rule.optional or answer.optional,
        "fields": {name: _merged(rule.fields.get(name, Rule()), inner) for name, inner in answer.fields.items()},
    }
    return rule.model_copy(update={name: value for name, value in changes.items() if value})


def _written(name: str, rule: Rule, answers: Mapping[str, Rule], answering: bool) -> Written:
    where = path(rule.from_ or name)
    if rule.constant is not None:
        return Written(name, where, None, rule.constant, True)
    if name not in answers:
        raise unknown("answer field", name, answers)
    merged = _merged(rule, answers[name])
    try:
        back = backward(merged)
    except ConfigError:
        if answering:
            raise
        back = _unwritable
    return Written(name, where, back, None, merged.optional)


def _unwritable(value: Any) -> Any:
    raise ValueError("this source has no way back for it")


def _apart(written: list[Written]) -> list[Written]:
    """Sees that no two fields claim one place; beside its attributes, an element's text stands in `#text`."""
    for one, other in permutations(written, 2):
        if other.path[: len(one.path)] == one.path:
            if other.path == one.path or not str(other.path[len(one.path)]).startswith("@"):
                raise ConfigError(f"{one.name} and {other.name} are written to one place")
            written = [f._replace(path=(*f.path, "#text")) if f is one else f for f in written]
    return written


def _records(each: Each) -> Records:
    around = []
    for where, rule in each.around.items():
        _allow(rule, "from", "constant")
        around.append((path(where), Fields((_field(where, rule, path(rule.from_ or where), forward(rule)),))))
    return Records(each.records, getter(path(each.records)), getter(path(each.answers)), path(each.answers), around)


def _failure(rules: FailedWhen) -> Callable[[Outcome, int], str]:
    """Says in a short word why a reply is technical; empty where it is not."""
    fields = [(spelled, getter(path(spelled)), values) for spelled, values in rules.fields.items()]

    def failed(outcome: Outcome, status: int) -> str:
        if status in rules.status:
            return f"status {status}"
        if isinstance(outcome, Refusal):
            return f"fault {outcome.code}" if outcome.code in rules.faults else ""
        if isinstance(outcome, Values):
            for spelled, get, values in fields:
                if _spelled(get(outcome.fields)) in map(_spelled, values):
                    return f"field {spelled}"
        return ""

    return failed


def _spelled(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict | list | bytes) else text(value)
