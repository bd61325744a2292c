"""What a dead replica had open is lost once, and given back if it was not dead."""

from sqlalchemy import Engine

from gateway.store import queries
from gateway.store.batch import Batch
from gateway.store.model import COMPARED, SEEN
from gateway.store.replicas import replicas, settle
from gateway.store.writer import Writer
from tests.integration.store.samples import ROUTE


def test_a_dead_replicas_open_calls_are_booked_as_lost_once(engine: Engine, writer: Writer) -> None:
    writer.flush(Batch(ledger={(ROUTE, SEEN): 5, (ROUTE, COMPARED): 2}, waiting={ROUTE: 3}))
    assert [settle(engine, "a"), settle(engine, "a")] == [3, 0]
    assert queries.ledger(engine, ROUTE) == {"seen": 5, "compared": 2, "lost": 3}
    assert [state.ended for state in replicas(engine)] == [True]


def test_a_replica_that_was_given_up_too_early_gets_its_calls_back(engine: Engine, writer: Writer) -> None:
    writer.flush(Batch(ledger={(ROUTE, SEEN): 5}, waiting={ROUTE: 5}))
    settle(engine, "a")
    writer.flush(Batch(ledger={(ROUTE, COMPARED): 4}, waiting={ROUTE: 1}))
    assert queries.ledger(engine, ROUTE) == {"seen": 5, "compared": 4, "pending": 1}
    assert settle(engine, "a") == 1


def test_a_replica_that_never_was_has_nothing_to_lose(engine: Engine) -> None:
    assert settle(engine, "nobody") == 0
