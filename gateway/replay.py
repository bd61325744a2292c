"""Recorded calls scored and compared once more, by another model or other rules, with what became of each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from gateway.answers import answer_rules
from gateway.candidate import Candidate
from gateway.compare import Comparison, Verdict, compile_compare, needed
from gateway.comparison import Compare
from gateway.config import Route
from gateway.contract import Outcome, Refusal, UnderstudyError, Values
from gateway.keeping import opened
from gateway.mapping import Canonical
from gateway.recorder import plain, worded
from gateway.records import Records
from gateway.rules import Rule
from gateway.seal import Keyring, Unopened
from gateway.store.model import AGREE, DISAGREE, Record
from gateway.store.queries import Kept
from gateway.store.sums import Rollup

PATIENCE = 60.0
"""Seconds that the model may take for one chunk of records."""


@dataclass(slots=True)
class Replayed:
    """What came of the records so far. Each is in `sums`, or counted in `left_out` or `failed` by its reason."""

    records: int = 0
    sums: Rollup = field(default_factory=Rollup)
    left_out: Counter[str] = field(default_factory=Counter)
    """Records that could not be replayed."""
    failed: Counter[str] = field(default_factory=Counter)
    """Records that the candidate left without an answer."""
    beside: Counter[tuple[bool, bool]] = field(default_factory=Counter)
    """(agreed when it was recorded, agrees now) of the records that were compared both times."""


class Replay:
    """Replays records of one route with one candidate."""

    def __init__(self, name: str, route: Route, candidate: Candidate, settings: Records, ring: Keyring) -> None:
        """`ring` opens what is sealed in records. Raises ConfigError."""
        self.found = Replayed()
        self._name, self._candidate, self._ring = name, candidate, ring
        self._kept = {field for field, way in settings.fields.items() if way in ("keep", "encrypt")}
        self._asked = asked(route)
        self._optional = {field for field, rule in route.fields.items() if rule.optional}
        self.not_compared = sorted(answer_rules(route).keys() - self._kept)
        """The answer fields that records do not carry in the clear or encrypted."""
        self._compare = _comparisons(name, route, self.not_compared)

    async def take(self, records: Sequence[Kept]) -> None:
        """Scores and compares some more records."""
        self.found.records += len(records)
        ready = [(one, *parts) for one in records if (parts := self._read(one))]
        scored = await self._candidate.score([request for _, request, _ in ready], PATIENCE)
        for (one, request, incumbent), outcome in zip(ready, scored, strict=True):
            if isinstance(outcome, UnderstudyError):
                self.found.failed[type(outcome).__name__] += 1
            else:
                verdict = self._compare[one.source](request, incumbent, outcome, one.received.astimezone(UTC).date())
                self._count(one, incumbent, outcome, verdict)

    def _read(self, one: Kept) -> tuple[Canonical, Outcome] | None:
        """The request and the incumbent's answer of a record; None, and why counted, where they are not there."""
        try:
            return self._request(one), self._incumbent(one)
        except _Lacking as reason:
            self.found.left_out[str(reason)] += 1
            return None

    def _request(self, one: Kept) -> Canonical:
        if one.source not in self._compare:
            raise _Lacking(f"{one.source} is not a source of the route any more")
        request = self._opened(one.fields)
        for name in self._asked:
            if name not in request and (name not in self._kept or name not in self._optional):
                raise _Lacking(f"records do not carry the field {name}")
        return request

    def _incumbent(self, one: Kept) -> Outcome:
        if not isinstance(one.incumbent, Mapping) or "$error" in one.incumbent:
            raise _Lacking("the incumbent gave no answer to compare with")
        if "$refusal" in one.incumbent:
            return Refusal(one.incumbent["$refusal"])
        answer = self._opened(one.incumbent)
        for name, word in one.verdicts.items():
            # Both sides had it when they agreed, so it was not kept then.
            field = name.partition(".")[0]
            if word == AGREE and field not in answer and field not in self.not_compared:
                raise _Lacking(f"this record does not carry the answer field {field}")
        return Values(answer)

    def _opened(self, values: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return opened(self._ring, self._name, values)
        except Unopened:
            raise _Lacking("sealed, and not opened by the keys that are configured") from None

    def _count(self, one: Kept, incumbent: Outcome, candidate: Outcome, verdict: Verdict) -> None:
        self.found.sums.take(Record(
            self._name, one.epoch, one.call_id, one.index, one.source, one.received, "", "", str(verdict.kind), None,
            {}, plain(incumbent), plain(candidate), worded(verdict), None, None, None, "", "",
            cost=verdict.cost or 0.0, segments=verdict.segments, plain=self._kept,
        ))  # fmt: skip
        if {one.verdict, str(verdict.kind)} <= {AGREE, DISAGREE}:
            self.found.beside[one.verdict == AGREE, verdict.kind == AGREE] += 1


class _Lacking(Exception):
    """What a record lacks to be replayed."""


def asked(route: Route) -> Sequence[str]:
    """The canonical fields that scoring and comparing a record look at."""
    rules = route.features or {name: Rule() for name in route.fields if name != route.key}
    features = {rule.from_ or name for name, rule in rules.items() if rule.constant is None}
    refused = {refuse.when.field for refuse in route.answer.refuse}
    details = {rule.echo or rule.from_ or name for refuse in route.answer.refuse for name, rule in refuse.detail.items()
               if rule.constant is None}  # fmt: skip
    return sorted(features | refused | details | needed(route))


def _comparisons(name: str, route: Route, left: Iterable[str]) -> Mapping[str, Comparison]:
    """By source, over the answer fields that records carry."""
    ignored = dict.fromkeys(left, Compare(rule="ignore"))
    route = route.model_copy(update={"compare": {**route.compare, **ignored}})
    return {source: compile_compare(route, source, name) for source in route.sources}
