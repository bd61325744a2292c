"""What a compiled mapping does: source fields to canonical to features, predictions to canonical answers to source
fields. Pure; see gateway/mapping.py for how it is compiled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.contract import Opaque, Outcome, Path, Payload, Prediction, Refusal, Row, Unmappable, Values
from gateway.conversion import Step, text
from gateway.fields import Fields
from gateway.layout import Layout
from gateway.rules import Refuse
from gateway.transform import path, put

Canonical = Mapping[str, Any]
Test = Callable[[Canonical], bool]


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
    layout: Layout
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
            return _fault(outcome) if isinstance(outcome, Refusal) else Values(self.layout.filled(outcome.fields))
        reply: dict[str, Any] = {}
        answers = [self.layout.filled(_answered(at, outcome).fields) for at, outcome in enumerate(outcomes)]
        put(reply, self.each.answers, answers)
        for where, field in self.each.around:
            for value in field.read(message or {}).values():
                put(reply, where, value)
        return Values(reply)

    def changes(self, outcomes: Sequence[Values]) -> Mapping[Path, Any]:
        """What an answer with base incumbent replaces in its reply, by path. Raises Unmappable."""
        found: dict[Path, Any] = {}
        for at, outcome in enumerate(outcomes):
            found |= self.layout.changes(outcome.fields, (*self.each.answers, at) if self.each else ())
        return found


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

    def kept(self, records: Sequence[Canonical]) -> bool:
        """Whether one of the records is in a segment that the incumbent answers."""
        for holds in self.segments:
            for record in records:
                if holds(record):
                    return True
        return False

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
