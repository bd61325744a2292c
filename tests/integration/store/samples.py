"""Records and calls to write."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.store.batch import Batch
from gateway.store.evidence import weigh
from gateway.store.model import AGREE, COMPARED, SEEN, Pending, Record, Slot

ROUTE, SOURCE = "loan_decision", "loans_soap/ScoreLoan"
NOW = datetime.now(UTC)


def record(call_id: str, verdict: str = AGREE, **changes: Any) -> Record:
    """A compared record of the route."""
    values: dict[str, Any] = {
        "route": ROUTE,
        "epoch": 1,
        "call_id": call_id,
        "index": 0,
        "source": SOURCE,
        "received": NOW,
        "stage": "shadow",
        "by": "incumbent",
        "verdict": verdict,
        "key": b"k" * 16,
        "fields": {"amount": 1000},
        "incumbent": {"decision": "approve"},
        "candidate": {"decision": "approve" if verdict == AGREE else "decline"},
        "verdicts": {"decision": verdict},
        "incumbent_ms": 12.5,
        "candidate_ms": None,
        "gateway_ms": 1.0,
        "model": "credit:1",
        "version": "v1",
        "plain": ("decision",),
    }
    values |= changes
    return Record(**({"unit": values["key"]} | values))


def batch(*records: Record) -> Batch:
    """What an observer flushes that saw and compared these, each a call of its own."""
    filled = Batch(records=list(records))
    for one in records:
        rollup = filled.rollup(Slot.at(one.route, one.stage, one.source, one.epoch, one.received))
        rollup.calls += 1
        rollup.answered_incumbent += 1
        rollup.take(one)
        weigh(filled.evidence, one)
        rollup.time("gateway", one.gateway_ms or 0.0)
        filled.book(one.route, SEEN)
        filled.book(one.route, COMPARED)
    return filled


def waiting(call_id: str, window: timedelta = timedelta(hours=1), **changes: Any) -> Pending:
    """A call that waits for its answer."""
    pending = Pending(ROUTE, call_id, SOURCE, NOW, NOW + window, {"amount": 1}, {"score": 2}, "credit:1", "v1")
    for name, value in changes.items():
        setattr(pending, name, value)
    return pending
