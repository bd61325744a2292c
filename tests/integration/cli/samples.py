"""What an observer would have written of the route loan_decision."""

from datetime import UTC, datetime

from sqlalchemy import Engine

from gateway.store.batch import Batch
from gateway.store.epochs import epoch
from gateway.store.model import AGREE, COMPARED, DISAGREE, SEEN, Record, Replica, Slot
from gateway.store.writer import Writer

ROUTE, SOURCE = "loan_decision", "loans/Score"


def fill(
    engine: Engine, agreeing: int, disagreeing: int, *, stage: str = "shadow", model: str = "constant:1",
    lost: int = 0, version: str = "v1",
) -> None:  # fmt: skip
    """Calls that were compared; `lost` more were seen of which nothing is known."""
    number = epoch(engine, ROUTE, model, "rules", stage)
    batch = Batch()
    for at in range(agreeing + disagreeing):
        _add(batch, number, at, stage, model, AGREE if at < agreeing else DISAGREE, version)
    batch.book(ROUTE, SEEN, agreeing + disagreeing + lost)
    batch.book(ROUTE, COMPARED, agreeing + disagreeing)
    batch.book(ROUTE, "told:worker.1:handed", agreeing + disagreeing)
    Writer(engine, Replica(f"replica-{number}", "here", 1, version)).flush(batch)


def _add(batch: Batch, number: int, at: int, stage: str, model: str, word: str, version: str) -> None:
    theirs = "approve" if word == AGREE else "reject"
    record = Record(
        route=ROUTE, epoch=number, call_id=f"{stage}-{number}-{at}", index=0, source=SOURCE,
        received=datetime.now(UTC), stage=stage, by="incumbent", verdict=word, key=at.to_bytes(16), fields={},
        incumbent={"decision": "approve", "note": "same"}, candidate={"decision": theirs, "note": "same"},
        verdicts={"decision": word, "note": AGREE}, incumbent_ms=20.0, candidate_ms=2.0, gateway_ms=1.0,
        model=model, version=version, plain=("decision", "note"),
    )  # fmt: skip
    rollup = batch.rollup(Slot.at(ROUTE, stage, SOURCE, number, record.received))
    rollup.calls += 1
    rollup.answered_incumbent += 1
    rollup.take(record)
    for who, took in (("incumbent", 20.0), ("candidate", 2.0), ("gateway", 1.0)):
        rollup.time(who, took)
    batch.records.append(record)
