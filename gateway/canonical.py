"""What a compiled mapping does: source fields to canonical to features, predictions to canonical answers to source
fields. Pure; see gateway/mapping.py for how it is compiled."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from gateway.contract import Opaque, Outcome, Path, Payload, Prediction, Refusal, Row, Unmappable, Values
from gateway.conversion import Step, text
from gateway.fields import Fields
from gateway.rules import Refuse
from gateway.transform import container, path, put, settle

Canonical = Mapping[str, Any]
Test = Callable[[Canonical], bool]


class Written(NamedTuple):
    """One compiled field of a source's reply; without `back` it takes `constant`."""

    name: str
    path: Path
    back: Step | None
    constant: Any
    optional: bool


@dataclass(slots=True, frozen=True)
class Records:
    """Where the records of a message and the answers of a reply stand."""

    spelled: str
    records: Step
    items: Step
    answers: Path
    around: Sequence[tuple[Path, Fields]]


@dataclass(slots=True, frozen=True)
class SourceMapping:
    """One source's way into canonical fields and back."""

    fields: Fields
    written: Sequence[Written]
    key_field: Fields | None
    each: Records | None
    read_back: Fields
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
            [value] = self.key_field.read(payload).values()
            return text(value) or None
        except (Unmappable, ValueError):
            return None

    def requests(self, payload: Payload) -> list[Canonical]:
        """The canonical records, exactly one without `each`. Raises Unmappable, naming record and field."""
        if self.each is None:
            return [self.fields.read(payload)]
        records = _listed(self.each.records(payload))
        if not records:
            raise Unmappable(self.each.spelled, "the message has no records")
        return [self.fields.read(record, f"{self.each.spelled}[{at}].") for at, record in enumerate(records)]

    def answers(self, outcome: Outcome, status: int = 0) -> list[Outcome]:
        """The incumbent's decoded reply in canonical names, one outcome a record; one for all where it is a refusal
        or opaque. `status` is that of the raw reply. Raises Unmappable."""
        if reason := self.failed(outcome, status):
            return [Opaque(reason)]
        if not isinstance(outcome, Values):
            return [outcome]
        if self.each is None:
            return [Values(self.read_back.read(outcome.fields))]
        items = _listed(self.each.items(outcome.fields))
        return [Values(self.read_back.read(item, f"[{at}].")) for at, item in enumerate(items)]

    def outgoing(self, outcomes: Sequence[Values | Refusal], message: Payload | None = None) -> Values | Refusal:
        """Canonical answers as the source's own reply; `message` is the request, for what a reply of many records
        returns of it. Raises Unmappable, also where one record of many is refused."""
        if self.each is None:
            [outcome] = outcomes
            return _fault(outcome) if isinstance(outcome, Refusal) else Values(self._reply(outcome))
        reply: dict[str, Any] = {}
        put(reply, self.each.answers, [self._reply(_answered(at, outcome)) for at, outcome in enumerate(outcomes)])
        for where, field in self.each.around:
            for value in field.read(message or {}).values():
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
        groups: dict[Path, Any] = {(): reply}
        for field, value in self._values(outcome):
            above = field.path[:-1]
            if (group := groups.get(above)) is None:
                group = groups[above] = container(reply, field.path)
            if group.__class__ is dict:
                group[field.path[-1]] = value
            else:
                settle(group, field.path[-1], value)
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
    features_made: Fields
    answers_made: Fields
    refusals: Sequence[tuple[Test, Refuse, Fields]]
    segments: Sequence[Test]

    def features(self, canonical: Canonical) -> Row:
        """The features of a record, JSON scalars only. Raises Unmappable."""
        return self.features_made.read(canonical)

    def refusal(self, canonical: Canonical) -> Refusal | None:
        """The first declared fault whose condition holds. Raises Unmappable for its detail."""
        for holds, rule, detail in self.refusals:
            if holds(canonical):
                return Refusal(rule.fault, rule.message, detail.read(canonical))
        return None

    def kept(self, canonical: Canonical) -> bool:
        """Whether the record is in a segment that the incumbent answers."""
        return any(holds(canonical) for holds in self.segments)

    def answer(self, prediction: Prediction, canonical: Canonical, now: datetime) -> Values:
        """The canonical answer. Raises Unmappable."""
        return Values(self.answers_made.read({"from": prediction, "echo": canonical, "now": now}))


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
