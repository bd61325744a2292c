"""Two weeks of a route as an observer would have recorded them: seeded, and judged and kept by the real parts."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

from sqlalchemy import Engine

from gateway.case import Case, decode, judge
from gateway.contract import Raw, Values
from gateway.pipe import Sighting
from gateway.recorder import Recorder
from gateway.store import audit
from gateway.store.batch import Batch
from gateway.store.epochs import epoch
from gateway.store.model import COMPARED, SEEN, Replica
from gateway.store.secret import digest, secret
from gateway.store.writer import Writer
from tests.inprocess import InProcess
from tests.integration.test_stages import config

DAYS, JSON = 14, "application/json"
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
KEEP = "records: {fields: {amount: keep, decision: keep, score: keep, name: hash}}"
SECTIONS = """segments:
      large: {field: amount, above: 1200}
      amount: {by: amount, bands: [300, 600, 1000]}
    cost:
      field: decision
      currency: EUR
      at_most: 5000
      pairs:
        - {incumbent: reject, candidate: approve, amount: amount, times: 0.6}
        - {incumbent: approve, candidate: reject, cost: 120}
    noise: {window: 7d, without: [id]}
    guard: {disagreement: 0.1, fields: {score: 0.05}, cost: 200, day_to_day: 0}
    plan: {steps: [{percent: 1, for: 2d}, {percent: 10, gate: manual}]}
    known_differences:
      rounding_of_2009:
        field: score
        within: 7
        owner: Risk, A. Meyer
        reason: The scorecard rounds half up, the model half to even.
        expires: 2099-12-31
      early_refunds:
        field: decision
        when: {field: amount, below: 50}
        owner: Operations
        reason: Refunds are always approved by hand.
        expires: 2020-01-31"""


def text() -> str:
    """The configuration."""
    made = config("shadow", model="with_a_card", more=SECTIONS)
    return made.replace("records: {fields: {amount: keep, name: hash}}", KEEP).replace(
        "absolute: 5", "absolute: 5, segments: {large: 20}"
    )


def fill(folder: Path, rng: Random, calls: int) -> Engine:
    """A store with so many calls, in shadow and then in canary, and what people did meanwhile."""
    gateway = InProcess(text(), folder)
    (folder / "understudy.yaml").write_text(text())
    engine, writer = gateway.engine, Writer(gateway.engine, Replica("replica-1", "here", 1, "v1"))
    recorder = Recorder(gateway.loaded.config.records, partial(digest, secret(engine)))
    bound = gateway.dispatch.table.bound["old", "Score"]
    steps = {
        stage: epoch(engine, "loan", "by_amount:1", bound.digest, stage, "abc123") for stage in ("shadow 0", "canary 5")
    }
    audit.record(engine, audit.Event("ada", "stage", "loan", "off", "shadow", "the model is trained"))
    audit.record(engine, audit.Event("ada", "stage", "loan", "shadow", "canary 5 %", "two weeks without surprise <ok>"))
    batch = Batch()
    for at in range(calls):
        received = START + timedelta(days=DAYS * at / calls)
        stage = "shadow" if at < calls * 0.7 else "canary"
        case = _case(bound, at, received, stage, rng)
        case.epoch = steps["shadow 0" if stage == "shadow" else "canary 5"]
        recorder.keep(case, batch)
        batch.book("loan", SEEN)
        batch.book("loan", case.term)
        if at % 500 == 499 or at == calls - 1:
            writer.flush(batch)
            batch = Batch()
    return engine


def _case(bound: object, at: int, received: datetime, stage: str, rng: Random) -> Case:
    amount = round(min(rng.lognormvariate(6.3, 0.7), 2500.0) / 10) * 10
    theirs, ours = _answers(amount, received, rng)
    body = json.dumps({"Id": str(rng.randrange(3000)), "Amount": amount, "Name": "Ada"}).encode()
    reply = json.dumps({"Decision": theirs[0], "Score": theirs[1]}).encode()
    took = [rng.lognormvariate(3.2, 0.5), rng.lognormvariate(1.1, 0.3), rng.lognormvariate(0.1, 0.3)]
    technical = at % 97 == 96
    sighting = Sighting(
        Raw(body, JSON), Raw(b'{"error": "E99"}' if technical else reply, JSON), None, "call",
        "loan", "old", "Score", f"call-{at}", received, stage, "incumbent", stage, "v1", "by_amount:1",
        took[0], took[1], took[0] + took[2],
    )  # fmt: skip
    case = Case("worker.1", sighting, bound)  # type: ignore[arg-type]  # a bound of the table
    decode(case)
    if not case.term:
        case.candidate = [Values({"decision": ours[0], "score": ours[1]})]
    judge(case)
    assert case.term == COMPARED or technical
    return case


def _answers(amount: float, received: datetime, rng: Random) -> tuple[tuple[str, float], tuple[str, float]]:
    """Legacy is a little noisy; the model is a little off, more so for large amounts and in the second week."""
    score = 1000 - amount / 10
    wrong = 0.02 + 0.08 * (amount > 1200) + 0.01 * (received - START).days / DAYS
    decision = "A" if amount < 1000 else "R"
    theirs = ("R" if decision == "A" else "A") if rng.random() < 0.01 else decision
    ours = (
        ("reject" if decision == "A" else "approve")
        if rng.random() < wrong
        else ("approve" if decision == "A" else "reject")
    )
    return (theirs, round(score, 1)), (ours, round(score + rng.gauss(0, 2.2), 1))
