"""One call as the observer judges it: both sides decoded into canonical fields, compared, and named for the ledger."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC

from gateway.candidate import Scored
from gateway.compare import Verdict
from gateway.contract import By, ModelTimeout, Opaque, Outcome, Raw, Refusal, Stage, Undecodable, Unmappable, Values
from gateway.mapping import Canonical
from gateway.pipe import Sighting
from gateway.store import model as store
from gateway.table import Bound

OPAQUE = "opaque"
UNOBSERVED = "unobserved"
RECORDED = "recorded"
TECHNICAL = f"{store.NOT_OBSERVABLE}:technical"


@dataclass(slots=True)
class Case:
    """A sighting on its way to a verdict. `term` is set as soon as the ledger's word for the call is known."""

    worker: str
    sighting: Sighting
    bound: Bound
    taken: float = field(default_factory=time.monotonic)
    """When the observer took it, by the monotonic clock."""
    closed: bool = False
    late: bool = False
    """The answer came after the join window had ended."""
    epoch: int = 0
    term: str = ""
    records: Sequence[Canonical] = ()
    incumbent: Sequence[Outcome] = ()
    candidate: Sequence[Scored] = ()
    verdicts: Sequence[Verdict | None] = ()
    words: list[str] = field(default_factory=list)
    """A record's verdict in one word each."""

    @property
    def wants_score(self) -> bool:
        """Whether the candidate has to be asked before there can be a verdict."""
        unasked = self.sighting.stage == str(Stage.OFF)
        return bool(self.records) and not (unasked or self.closed or self.term or self.candidate)


def decode(case: Case) -> None:
    """Reads everything that came over the wire."""
    sighting, bound = case.sighting, case.bound
    try:
        case.records = bound.mapping.requests(bound.codec.request(sighting.request))
    except (Undecodable, Unmappable) as error:
        case.term = store.UNDECODABLE if isinstance(error, Undecodable) else store.FAILED
    if sighting.incumbent is not None:
        _read_incumbent(case, sighting.incumbent)
    if sighting.candidate is not None:
        _read_candidate(case, sighting.candidate)
    elif sighting.reason.startswith("fallback:"):
        case.term = store.TIMED_OUT if sighting.reason.endswith(ModelTimeout.__name__) else store.FAILED
    elif sighting.stage == str(Stage.OFF) and sighting.kind == "call":
        case.term = case.term or f"{store.NOT_OBSERVABLE}:{RECORDED}"
    sighting.model = sighting.model or bound.tag


def join(case: Case, records: Sequence[Canonical], candidate: Sequence[Scored]) -> None:
    """Reads a witnessed answer against the call that waited for it."""
    case.records, case.candidate = records, candidate
    if case.sighting.incumbent is not None:
        _read_incumbent(case, case.sighting.incumbent)
    if not candidate:
        case.term = case.term or f"{store.NOT_OBSERVABLE}:{RECORDED}"


def _outcomes(case: Case, raw: Raw) -> Sequence[Outcome]:
    return case.bound.mapping.answers(case.bound.codec.reply(raw), raw.status)


def _read_incumbent(case: Case, raw: Raw) -> None:
    try:
        case.incumbent = _outcomes(case, raw)
    except (Undecodable, Unmappable):
        case.term = case.term or store.UNDECODABLE
        return
    if any(isinstance(outcome, Opaque) for outcome in case.incumbent):
        case.term = case.term or TECHNICAL
    elif len(case.incumbent) == 1 and isinstance(case.incumbent[0], Refusal):
        case.incumbent = [case.incumbent[0]] * max(len(case.records), 1)
    elif case.records and len(case.incumbent) != len(case.records):
        case.incumbent = [Opaque("count")] * len(case.records)
        case.term = case.term or TECHNICAL


def _read_candidate(case: Case, raw: Raw) -> None:
    try:
        outcomes = _outcomes(case, raw)
    except (Undecodable, Unmappable):
        case.term = store.UNDECODABLE
        return
    case.candidate = [outcome for outcome in outcomes if isinstance(outcome, Values | Refusal)]
    if not case.incumbent and case.sighting.by == By.CANDIDATE:
        case.term = case.term or store.SAMPLED_OUT


def judge(case: Case) -> None:
    """Gives every record its word, and the call its term."""
    if not case.term:
        failed = [outcome for outcome in case.candidate if not isinstance(outcome, Values | Refusal)]
        if failed:
            case.term = store.TIMED_OUT if any(isinstance(one, ModelTimeout) for one in failed) else store.FAILED
        elif len(case.candidate) != len(case.incumbent):
            case.term = TECHNICAL
    if not case.term:
        case.term, today = store.COMPARED, case.sighting.received.astimezone(UTC).date()
        case.verdicts = [
            case.bound.compare(record, theirs, ours, today)
            for record, theirs, ours in zip(case.records, case.incumbent, case.candidate, strict=True)
            if isinstance(ours, Values | Refusal)
        ]
        case.words = [str(verdict.kind) for verdict in case.verdicts if verdict]
    else:
        case.words = [WORDS.get(case.term.partition(":")[0], OPAQUE)] * len(case.records)


WORDS = {
    store.SAMPLED_OUT: UNOBSERVED,
    store.FAILED: store.FAILED,
    store.TIMED_OUT: store.TIMED_OUT,
    store.UNDECODABLE: store.UNDECODABLE,
}
