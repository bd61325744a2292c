"""What the store keeps, as plain typed values. No SQL here.

The ledger counts calls. Its terms balance: `seen` is the sum of all the other BALANCED terms, where a term with a
reason (`not_observable:doctype`) counts as the term before its colon. All else (`answered:candidate:canary`,
`duplicate`) is told beside it. `queries.balance` does the sum.

Who books what. Of a call that is decided in the observer's memory the observer books everything: `seen`, then in the
same or a later batch one other term; in between the call is in the batch's `waiting`. Of a call that waits in the
store for an answer given elsewhere the writer books everything, once, whatever is delivered twice: `seen` when it
opens, the term named by its `Close`, `orphan` when its window ends.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.contract import UnderstudyError

SEEN, PENDING, ORPHAN, LOST = "seen", "pending", "orphan", "lost"
SAMPLED_OUT, DROPPED, TIMED_OUT, FAILED = "sampled_out", "dropped", "timed_out", "failed"
UNDECODABLE, COMPARED, COMPARED_LATE = "undecodable", "compared", "compared_late"
NOT_OBSERVABLE = "not_observable"
DUPLICATE = "duplicate"
"""Records that were not written because the same call and index was recorded before. Not part of the balance."""

NOTICED = "noticed"
"""What an adapter saw happen to an answer, with the word for it; not part of the balance."""

BALANCED = frozenset(
    (
        NOT_OBSERVABLE,
        SAMPLED_OUT,
        DROPPED,
        TIMED_OUT,
        FAILED,
        UNDECODABLE,
        PENDING,
        ORPHAN,
        COMPARED,
        COMPARED_LATE,
        LOST,
    )
)
"""What a call that was seen can become."""

AGREE, DISAGREE = "agree", "disagree"
"""The two verdicts that count as compared; a record may carry any other short word, which does not."""
KNOWN = "known:"
"""How the word of a field begins whose difference is known; the name of the register's entry follows."""

ALL = "*"
"""The scope of a hold on every route."""


class StoreDown(UnderstudyError):
    """The store cannot be reached or does not answer in time; nothing of the transaction was written, except that
    a connection lost during a commit leaves open whether it was (`Writer.flush` finds out)."""


class StoreTooNew(UnderstudyError):
    """The store was migrated by a newer version of this product."""


@dataclass(slots=True)
class Record:
    """One compared record of one call. `received` is aware; `fields` holds only what may be kept."""

    route: str
    epoch: int
    """From `epochs.epoch`; 0 where there is none."""
    call_id: str
    index: int
    """The record's place in its message, 0 where the message is the record."""
    source: str
    received: datetime
    stage: str
    by: str
    verdict: str
    key: bytes | None
    """HMAC of the business key (`secret.digest`)."""
    fields: Mapping[str, Any]
    incumbent: Any
    candidate: Any
    verdicts: Mapping[str, str]
    """AGREE, DISAGREE or another short word of each compared field."""
    incumbent_ms: float | None
    candidate_ms: float | None
    gateway_ms: float | None
    model: str
    version: str
    unit: bytes | None = None
    """Whose evidence it is: the key's HMAC, or one of its own where the route has no key. None counts nowhere."""
    distances: Mapping[str, float] = field(default_factory=dict)
    """How far the two are apart in a field, where that is a number; see `compare.FieldVerdict`."""
    cost: float = 0.0
    """What this disagreement costs; 0 where nothing is priced."""
    segments: Sequence[str] = ()
    """The names of the segments that it belongs to."""
    late: bool = False
    """The incumbent's answer came after the join window had ended."""
    plain: Collection[str] = ()
    """The answer fields that are kept as they are, so that sums over their values may be kept for longer."""

    @property
    def compared(self) -> bool:
        """Whether its verdict counts."""
        return self.verdict in (AGREE, DISAGREE)


@dataclass(slots=True)
class Pending:
    """A call whose answer is given elsewhere, kept until it comes. Values keep their types (see `text.dumps`)."""

    route: str
    call_id: str
    source: str
    opened: datetime
    expires: datetime
    request: Any
    candidate: Any
    """The candidate's outcome in whatever JSON shape the observer likes."""
    model: str
    version: str
    expired: bool = False
    """Its window has ended: an answer that comes now is late."""
    locator: str = ""
    """What its adapter finds the answer by; forgotten with the request when it has come."""


@dataclass(slots=True)
class Close:
    """The end of a pending call. `term` is in BALANCED; COMPARED becomes COMPARED_LATE once its window has ended."""

    route: str
    call_id: str
    term: str = COMPARED


class Slot(NamedTuple):
    """Whose minute a roll-up adds up."""

    route: str
    stage: str
    source: str
    epoch: int
    minute: datetime

    @classmethod
    def at(cls, route: str, stage: str, source: str, epoch: int, received: datetime) -> "Slot":
        """The slot of a call received then."""
        return cls(route, stage, source, epoch, received.astimezone(UTC).replace(second=0, microsecond=0))


@dataclass(slots=True)
class Replica:
    """One process that writes to the store, under an id of its own for each start."""

    id: str
    host: str
    pid: int
    version: str = ""
    """Of the route table in use."""
    state: dict[str, Any] = field(default_factory=dict)
    """JSON: stages in force by route, restart needed, problems."""


@dataclass(slots=True, frozen=True)
class ReplicaState:
    """A replica as the store knows it. `age` is the seconds since its heartbeat, by the database's clock."""

    replica: Replica
    started: datetime
    seen: datetime
    age: float
    ended: bool
    """It is gone, and what it had open is booked as lost."""
