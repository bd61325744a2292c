"""What status and reports read, and the secret behind the keys."""

from datetime import timedelta

from sqlalchemy import Engine

from gateway.store import queries
from gateway.store.model import DISAGREE
from gateway.store.secret import secret
from gateway.store.writer import Writer
from tests.integration.store.conftest import NewWriter
from tests.integration.store.samples import NOW, ROUTE, SOURCE, batch, record


def test_agreement_is_told_by_epoch_or_over_all(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1"), record("2", DISAGREE, epoch=2), record("3", "opaque", epoch=2)))
    assert queries.agreement(engine, ROUTE) == queries.Agreement(1, 2, {"decision": (1, 2)})
    assert queries.agreement(engine, ROUTE, epoch=2) == queries.Agreement(0, 1, {"decision": (0, 1)})
    assert queries.agreement(engine, "elsewhere").compared == 0


def test_the_latest_disagreements_come_first_with_their_values(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(*(record(str(number), DISAGREE if number % 2 else "agree") for number in range(10))))
    found = queries.disagreements(engine, ROUTE, limit=3)
    assert [one.call_id for one in found] == ["9", "7", "5"]
    assert (found[0].incumbent, found[0].candidate) == ({"decision": "approve"}, {"decision": "decline"})
    assert (found[0].received, found[0].fields) == (NOW, {"amount": 1000})


def test_the_most_frequent_confusion_of_a_field_comes_first(engine: Engine, writer: Writer) -> None:
    rare = record("0", DISAGREE, candidate={"decision": "refer"})
    writer.flush(batch(rare, record("1", DISAGREE), record("2", DISAGREE), record("3")))
    assert queries.confusions(engine, ROUTE, "decision") == [("approve", "decline", 2), ("approve", "refer", 1)]
    assert queries.confusions(engine, ROUTE, "score") == []


def test_traffic_is_told_by_source_and_stage_with_quantiles(engine: Engine, writer: Writer) -> None:
    old = record("1", received=NOW - timedelta(hours=2), gateway_ms=100.0)
    writer.flush(batch(old, record("2"), record("3", stage="canary", gateway_ms=10.0)))
    everything = queries.traffic(engine, ROUTE)
    assert {place: rollup.calls for place, rollup in everything.items()} == {
        (SOURCE, "canary"): 1,
        (SOURCE, "shadow"): 2,
    }
    recent = queries.traffic(engine, ROUTE, since=NOW - timedelta(hours=1))
    assert recent[SOURCE, "shadow"].calls == 1
    median = recent[SOURCE, "canary"].latency["gateway"].quantile(0.5)
    assert median is not None
    assert 9 < median < 11


def test_the_secret_is_made_once_and_the_same_for_all(engine: Engine) -> None:
    first = secret(engine)
    assert len(first) == 32
    assert secret(engine) == first
    assert secret(engine, "another") != first


def test_a_new_replica_does_not_hide_the_counts_of_earlier_ones(engine: Engine, new_writer: NewWriter) -> None:
    for number in range(3):
        new_writer(str(number)).flush(batch(record(str(number))))
    assert queries.ledger(engine, ROUTE) == {"seen": 3, "compared": 3}
