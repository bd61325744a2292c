"""Turns judged cases into records, roll-ups and pending calls, keeping only what the configuration allows."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from gateway.candidate import Scored
from gateway.case import Case
from gateway.compare import needed
from gateway.config import Records
from gateway.contract import By, Outcome, Refusal, Unmappable, Values
from gateway.mapping import Canonical
from gateway.store.evidence import weigh
from gateway.store.model import Batch, Pending, Record, Slot
from gateway.table import Bound

Digest = Callable[[str, str], bytes]
"""(route, value) to its HMAC."""


class Recorder:
    """What is kept of a case. `digest` is the store's HMAC of a business key or hashed field."""

    def __init__(self, settings: Records, digest: Digest) -> None:
        self.settings = settings
        self._digest = digest

    def keep(self, case: Case, batch: Batch) -> None:
        """Adds the case's records and roll-ups to the batch."""
        records = [self._record(case, index, word) for index, word in enumerate(case.words)]
        if self.settings.keep:
            batch.records.extend(records)
        sighting = case.sighting
        slot = Slot.at(sighting.route, sighting.stage, sighting.source, case.epoch, sighting.received)
        rollup = batch.rollup(slot)
        rollup.calls += 1
        rollup.answered_incumbent += sighting.by == By.INCUMBENT
        rollup.answered_candidate += sighting.by == By.CANDIDATE
        rollup.errors += case.term in ("failed", "timed_out")
        for record in records:
            rollup.compare(record.verdict, record.verdicts)
            weigh(batch.evidence, record)
        for who in ("incumbent", "candidate", "gateway"):
            if (took := getattr(sighting, f"{who}_ms")) is not None:
                rollup.time(who, took)

    def pending(self, case: Case) -> Pending:
        """The case kept until its answer comes: what comparing and recording it then will need, and no more."""
        sighting, settings = case.sighting, case.bound.settings
        kept = {settings.key} | {name for name, way in self.settings.fields.items() if way != "drop"} | needed(settings)
        return Pending(
            sighting.route, sighting.call_id, f"{sighting.source}/{sighting.operation}", sighting.received,
            sighting.received + timedelta(seconds=settings.join_window),
            [{name: value for name, value in record.items() if name in kept} for record in case.records],
            [_plain(outcome) for outcome in case.candidate],
            sighting.model, sighting.version,
        )  # fmt: skip

    def _record(self, case: Case, index: int, word: str) -> Record:
        sighting = case.sighting
        canonical = case.records[index] if index < len(case.records) else {}
        key = canonical.get(case.bound.settings.key or "")
        verdict = case.verdicts[index] if index < len(case.verdicts) else None
        fields = verdict.fields if verdict else {}
        digest = None if key is None else self._digest(sighting.route, str(key))
        # Without a key nothing says that two calls are one customer's, so each is a unit of its own.
        own = case.bound.settings.key is None
        unit = self._digest(sighting.route, f"call {sighting.call_id} {index}") if own else digest
        return Record(
            sighting.route, case.epoch, sighting.call_id, index, f"{sighting.source}/{sighting.operation}",
            sighting.received, sighting.stage, sighting.by, word,
            digest, self._allowed(sighting.route, canonical),
            self._side(case.bound, case.incumbent, index), self._side(case.bound, case.candidate, index),
            {name: str(field.kind) for name, field in fields.items()},
            sighting.incumbent_ms, sighting.candidate_ms, sighting.gateway_ms, sighting.model, sighting.version, unit,
            (verdict.cost if verdict else None) or 0.0, verdict.segments if verdict else (),
        )  # fmt: skip

    def _allowed(self, route: str, canonical: Canonical) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, way in self.settings.fields.items():
            value = canonical.get(name)
            if value is None or way == "drop":
                continue
            kept[name] = (
                value if way == "keep" else self._digest(route, str(value)).hex() if way == "hash" else _masked(value)
            )
        return kept

    def _side(self, bound: Bound, outcomes: Sequence[Scored | Outcome], index: int) -> Any:
        """One side's outcome without the fields that only echo the request, unless these are allowed."""
        if index >= len(outcomes):
            return None
        outcome = outcomes[index]
        if not isinstance(outcome, Values):
            return _plain(outcome)
        echoes = {name for name, rule in bound.settings.answer.fields.items() if rule.echo is not None}
        own = {name: value for name, value in outcome.fields.items() if name not in echoes}
        return own | self._allowed(
            bound.route, {name: value for name, value in outcome.fields.items() if name not in own}
        )


def _masked(value: Any) -> str:
    text = str(value)
    return text[:1] + "*" * (len(text) - 1) if len(text) > 1 else "*"


def _plain(outcome: Scored | Outcome) -> Mapping[str, Any]:
    """An outcome as JSON keeps it. Of an error its kind and field, never its text: that may quote a person's data."""
    match outcome:
        case Values():
            return dict(outcome.fields)
        case Refusal():
            return {"$refusal": outcome.code}
        case Unmappable():
            return {"$error": type(outcome).__name__, "field": outcome.field}
    return {"$error": type(outcome).__name__}


def revived(plain: Sequence[Mapping[str, Any]]) -> list[Scored]:
    """The candidate's outcomes of a pending call."""
    return [_revive(one) for one in plain]


def _revive(plain: Mapping[str, Any]) -> Scored:
    if "$refusal" in plain:
        return Refusal(plain["$refusal"])
    if "$error" in plain:
        return Unmappable(str(plain.get("field", "")), "could not be scored when the call was first seen")
    return Values(plain)
