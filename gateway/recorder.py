"""Turns judged cases into records, sums, evidence and pending calls, keeping only what the configuration allows."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from gateway.candidate import Scored
from gateway.case import Case
from gateway.compare import Verdict, needed
from gateway.contract import By, Outcome, Refusal, Unmappable, Values
from gateway.keeping import Digest, Keeping
from gateway.mapping import Canonical
from gateway.noise import Repeats
from gateway.records import Records
from gateway.seal import place
from gateway.store.batch import Batch
from gateway.store.evidence import weigh
from gateway.store.model import KNOWN, Pending, Record, Slot
from gateway.store.sums import WHOLE


class Recorder:
    """What is kept of a case. `digest` is the store's HMAC of a business key or hashed field."""

    def __init__(self, settings: Records, digest: Digest) -> None:
        self._digest = digest
        self._repeats = Repeats(digest)
        self.use(settings)

    def use(self, settings: Records) -> None:
        """Keeps by these settings from now on."""
        self._keep = settings.keep
        self._keeping = Keeping(settings, self._digest)

    def keep(self, case: Case, batch: Batch) -> None:
        """Adds the case's records, sums and evidence to the batch."""
        records = [self._record(case, index, word) for index, word in enumerate(case.words)]
        if self._keep:
            batch.records.extend(records)
        sighting = case.sighting
        slot = Slot.at(sighting.route, sighting.stage, sighting.source, case.epoch, sighting.received)
        rollup = batch.rollup(slot)
        rollup.calls += 1
        rollup.answered_incumbent += sighting.by == By.INCUMBENT
        rollup.answered_candidate += sighting.by == By.CANDIDATE
        rollup.errors += case.term in ("failed", "timed_out")
        for record in records:
            rollup.take(record)
            weigh(batch.evidence, record)
        for verdict in self._repeats.pairs(case):
            rollup.repeat({WHOLE: str(verdict.kind)} | worded(verdict))
        for who in ("incumbent", "candidate", "gateway"):
            if (took := getattr(sighting, f"{who}_ms")) is not None:
                rollup.time(who, took)
        if sighting.by == By.CANDIDATE and sighting.candidate_ms is not None:
            rollup.time("served", sighting.candidate_ms)

    def pending(self, case: Case) -> Pending:
        """The case kept until its answer comes: what comparing and recording it then will need, and no more. It is
        sealed, since that is more than records may hold."""
        sighting, settings = case.sighting, case.bound.settings
        kept = {settings.key} | self._keeping.named | needed(settings)
        records = [{name: value for name, value in record.items() if name in kept} for record in case.records]
        seal, where = self._keeping.ring.seal, place(sighting.route, sighting.call_id)
        return Pending(
            sighting.route, sighting.call_id, f"{sighting.source}/{sighting.operation}", sighting.received,
            sighting.received + timedelta(seconds=settings.join_window),
            seal(records, where), seal([plain(outcome) for outcome in case.candidate], where),
            sighting.model, sighting.version, locator=sighting.locator,
        )  # fmt: skip

    def waited(self, pending: Pending) -> tuple[Sequence[Canonical], Sequence[Scored]]:
        """The records and the candidate's outcomes of a call that waited. Raises Unopened where its key is gone."""
        unseal, where = self._keeping.ring.open, place(pending.route, pending.call_id)
        return unseal(pending.request, where), [_revive(one) for one in unseal(pending.candidate, where)]

    def _record(self, case: Case, index: int, word: str) -> Record:
        sighting, keeping = case.sighting, self._keeping
        canonical = case.records[index] if index < len(case.records) else {}
        verdict = case.verdicts[index] if index < len(case.verdicts) else None
        fields = verdict.fields if verdict else {}
        key = self._key(case, canonical)
        return Record(
            sighting.route, case.epoch, sighting.call_id, index, f"{sighting.source}/{sighting.operation}",
            sighting.received, sighting.stage, sighting.by, word, key, keeping.fields(sighting.route, canonical),
            self._side(case, case.incumbent, index), self._side(case, case.candidate, index),
            worded(verdict) if verdict else {},
            sighting.incumbent_ms, sighting.candidate_ms, sighting.gateway_ms, sighting.model, sighting.version,
            self._unit(case, index, key),
            {name: field.distance for name, field in fields.items() if field.distance is not None},
            (verdict.cost if verdict else None) or 0.0, verdict.segments if verdict else (), case.late, keeping.plain,
        )  # fmt: skip

    def _key(self, case: Case, canonical: Canonical) -> bytes | None:
        key = canonical.get(case.bound.settings.key or "")
        return None if key is None else self._digest(case.sighting.route, str(key))

    def _unit(self, case: Case, index: int, key: bytes | None) -> bytes | None:
        """Without a key nothing says that two calls are one customer's, so each is a unit of its own."""
        if case.bound.settings.key is not None:
            return key
        return self._digest(case.sighting.route, f"call {case.sighting.call_id} {index}")

    def _side(self, case: Case, outcomes: Sequence[Scored | Outcome], index: int) -> Any:
        if index >= len(outcomes):
            return None
        outcome = outcomes[index]
        if isinstance(outcome, Values):
            return self._keeping.fields(case.sighting.route, outcome.fields)
        return plain(outcome)


def worded(verdict: Verdict) -> dict[str, str]:
    """What is kept of a verdict: a word for each field, and for the whole answer where a refusal is known."""
    words = {
        name: f"{KNOWN}{field.known}" if field.known else str(field.kind) for name, field in verdict.fields.items()
    }
    return words | {WHOLE: f"{KNOWN}{verdict.known}"} if verdict.known else words


def plain(outcome: Scored | Outcome) -> Mapping[str, Any]:
    """An outcome as JSON keeps it. Of an error its kind and field, never its text: that may quote a person's data."""
    match outcome:
        case Values():
            return dict(outcome.fields)
        case Refusal():
            return {"$refusal": outcome.code}
        case Unmappable():
            return {"$error": type(outcome).__name__, "field": outcome.field}
    return {"$error": type(outcome).__name__}


def _revive(plain: Mapping[str, Any]) -> Scored:
    if "$refusal" in plain:
        return Refusal(plain["$refusal"])
    if "$error" in plain:
        return Unmappable(str(plain.get("field", "")), "could not be scored when the call was first seen")
    return Values(plain)
