"""What a compiled mapping does: source fields to canonical to features, predictions to canonical answers to source
fields. Pure; see gateway/mapping.py for how it is compiled."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from gateway.contract import Opaque, Outcome, Path, Payload, Prediction, Refusal, Row, Unmappable, Values
from gateway.conversion import Step, text
from gateway.rules import Refuse
from gateway.transform import path, put

Canonical = Mapping[str, Any]
Test = Callable[[Canonical], bool]


class Field(NamedTuple):
    """One compiled field: where its value is read, its way, and whether it may be missing."""

    name: str
    get: Step
    convert: Step
    optional: bool


class Written(NamedTuple):
    """One compiled field of a source's reply; without `back` it takes `constant`."""

    name: str
    path: Path
    back: Step | None
    constant: Any
    optional: bool


class Origin(NamedTuple):
    """What a canonical answer is made of."""

    prediction: Prediction
    canonical: Canonical
    now: datetime


@dataclass(slots=True, frozen=True)
class Records:
    """Where the records of a message and the answers of a reply stand."""

    spelled: str
    records: Step
    items: Step
    answers: Path
    around: Sequence[tuple[Path, Field]]


@dataclass(slots=True, frozen=True)
class SourceMapping:
    """One source's way into canonical fields and back."""

    fields: Sequence[Field]
    written: Sequence[Written]
    key_field: Field | None
    each: Records | None
    read_back: Sequence[Field]
    failed: Callable[[Outcome, int], str]

    @property
    def many(self) -> bool:
        """Whether a message has many records."""
        return self.each is not None

    def key(self, payload: Payload) -> str | None:
        """The canonical business key, or the message's key; None where absent, empty or unusable. Never raises."""
        if self.key_field is None:
            return None
        try:
            return text(mapped((self.key_field,), payload)[self.key_field.name]) or None
        except (Unmappable, ValueError):
            return None

    def requests(self, payload: Payload) -> list[Canonical]:
        """The canonical records, exactly one without `each`. Raises Unmappable, naming record and field."""
        if self.each is None:
            return [mapped(self.fields, payload)]
        records = _listed(self.each.records(payload))
        if not records:
            raise Unmappable(self.each.spelled, "the message has no records")
        return [mapped(self.fields, record, f"{self.each.spelled}[{at}].") for at, record in enumerate(records)]

    def answers(self, outcome: Outcome, status: int = 0) -> list[Outcome]:
        """The incumbent's decoded reply in canonical names, one outcome a record; one for all where it is a refusal
        or opaque. `status` is that of the raw reply. Raises Unmappable."""
        if reason := self.failed(outcome, status):
            return [Opaque(reason)]
        if not isinstance(outcome, Values):
            return [outcome]
        if self.each is None:
            return [Values(mapped(self.read_back, outcome.fields))]
        items = _listed(self.each.items(outcome.fields))
        return [Values(mapped(self.read_back, item, f"[{at}].")) for at, item in enumerate(items)]

    def outgoing(self, outcomes: Sequence[Values | Refusal], message: Payload | None = None) -> Values | Refusal:
        """Canonical answers as the source's own reply; `message` is the request, for what a reply of many records
        returns of it. Raises Unmappable, also where one record of many is refused."""
        if self.each is None:
            [outcome] = outcomes
            return _fault(outcome) if isinstance(outcome, Refusal) else Values(self._reply(outcome))
        reply: dict[str, Any] = {}
        put(reply, self.each.answers, [self._reply(_answered(at, outcome)) for at, outcome in enumerate(outcomes)])
        for where, field in self.each.around:
            for value in mapped((field,), message or {}).values():
                put(reply, where, value)
        return Values(reply)

    def changes(self, outcomes: Sequence[Values]) -> Mapping[Path, Any]:
        """What an answer with base incumbent replaces in its reply, by path. Raises Unmappable."""
        found: dict[Path, Any] = {}
        for at, outcome in enumerate(outcomes):
            prefix: Path = (*self.each.answers, at) if self.each else ()
            for field, value in self._values(outcome):
                if field.back is not None:
                    found[prefix + field.path] = value
        return found

    def _reply(self, outcome: Values) -> dict[str, Any]:
        reply: dict[str, Any] = {}
        for field, value in self._values(outcome):
            put(reply, field.path, value)
        return reply

    def _values(self, outcome: Values) -> Iterator[tuple[Written, Any]]:
        for field in self.written:
            value = outcome.fields.get(field.name)
            if field.back is None:
                yield field, field.constant
            elif value is not None:
                try:
                    yield field, field.back(value)
                except (ValueError, ArithmeticError) as error:
                    raise Unmappable(field.name, str(error)) from None
            elif not field.optional:
                raise Unmappable(field.name, "the answer has no value for it")


@dataclass(slots=True, frozen=True)
class RouteMapping:
    """One route's mappings. `outputs` are the names of the model's outputs that the answer is made of."""

    sources: Mapping[str, SourceMapping]
    feature_names: Sequence[str]
    answer_fields: Sequence[str]
    outputs: Sequence[str]
    features_made: Sequence[Field]
    features_taken: Sequence[tuple[str, str]]
    """Feature and canonical field of those among them that are a field as it is."""
    features_converted: Sequence[Field]
    """The others."""
    answers_made: Sequence[Field]
    refusals: Sequence[tuple[Test, Refuse, Sequence[Field]]]
    segments: Sequence[Test]

    def features(self, canonical: Canonical) -> Row:
        """The features of a record, JSON scalars only. Raises Unmappable."""
        row = {name: canonical[field] for name, field in self.features_taken if field in canonical}
        if len(row) < len(self.features_taken):
            return mapped(self.features_made, canonical)
        return row | mapped(self.features_converted, canonical)

    def refusal(self, canonical: Canonical) -> Refusal | None:
        """The first declared fault whose condition holds. Raises Unmappable for its detail."""
        for holds, rule, detail in self.refusals:
            if holds(canonical):
                return Refusal(rule.fault, rule.message, mapped(detail, canonical))
        return None

    def kept(self, canonical: Canonical) -> bool:
        """Whether the record is in a segment that the incumbent answers."""
        return any(holds(canonical) for holds in self.segments)

    def answer(self, prediction: Prediction, canonical: Canonical, now: datetime) -> Values:
        """The canonical answer. Raises Unmappable."""
        return Values(mapped(self.answers_made, Origin(prediction, canonical, now)))


def mapped(fields: Sequence[Field], source: Any, prefix: str = "") -> dict[str, Any]:
    """The fields by name, without those that are missing and optional. Raises Unmappable."""
    values: dict[str, Any] = {}
    name = ""
    try:
        for name, get, convert, optional in fields:
            value = convert(get(source))
            if value is not None:
                values[name] = value
            elif not optional:
                raise ValueError("is missing")
    except ValueError as error:
        raise Unmappable(prefix + name, str(error)) from None
    return values


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None or value == "" else [value]


def _answered(at: int, outcome: Values | Refusal) -> Values:
    if isinstance(outcome, Refusal):
        raise Unmappable(f"[{at}]", f"one record of a message cannot be refused by itself ({outcome.code})")
    return outcome


def _fault(refusal: Refusal) -> Refusal:
    detail: dict[str, Any] = {}
    for name, value in refusal.detail.items():
        put(detail, path(name), value)
    return Refusal(refusal.code, refusal.message, detail)
