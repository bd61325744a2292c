"""A person is removed whole, others stay, and the ledger goes on balancing."""

from pathlib import Path

from sqlalchemy import Engine

from gateway.store import queries
from gateway.store.batch import Batch
from gateway.store.epochs import epoch
from gateway.store.erasure import ERASED, erase, forget, scrub
from gateway.store.evidence import units
from gateway.store.model import Close, Pending
from gateway.store.values import keep, kept
from gateway.store.writer import Writer
from tests.integration.store.samples import NOW, ROUTE, batch, record, waiting

HERS, HIS = b"h" * 16, b"o" * 16


def hers(pending: Pending) -> bool:
    return bool(pending.request["id"] == "hers")


def test_records_and_evidence_of_one_key_go_and_all_else_stays(engine: Engine, writer: Writer) -> None:
    epochs = [record(str(at), key=(HERS, HIS)[at % 2]) for at in range(10)]
    writer.flush(batch(*epochs, record("elsewhere", route="cards", key=HERS)))
    erase_ = erase(engine, ROUTE, HERS, hers)
    assert (erase_["records"], erase_["evidence"]) == (5, 0)  # the epochs of these records were never begun
    assert {one.call_id for one in queries.sample(engine, ROUTE, 1)} == {"1", "3", "5", "7", "9"}
    assert len(queries.sample(engine, "cards", 1)) == 1
    assert queries.agreement(engine, ROUTE).compared == 10


def test_evidence_goes_in_every_epoch_of_the_route(engine: Engine, writer: Writer) -> None:
    numbers = [epoch(engine, ROUTE, "credit:1", "rules", step) for step in ("shadow 0", "canary 5")]
    other = epoch(engine, "cards", "credit:1", "rules", "shadow 0")
    for number in (*numbers, other):
        writer.flush(batch(record(f"a{number}", epoch=number, key=HERS), record(f"b{number}", epoch=number, key=HIS)))
    assert erase(engine, ROUTE, HERS, hers)["evidence"] == 2
    assert [[one.key for one in units(engine, number)] for number in numbers] == [[HIS], [HIS]]
    assert len(units(engine, other)) == 2


def test_calls_that_wait_go_and_an_answer_to_one_is_an_orphan_then(engine: Engine, writer: Writer) -> None:
    opened = [waiting(name, request={"id": name.rstrip("0123456789")}) for name in ("hers1", "his1", "hers2", "his2")]
    writer.flush(Batch(opened=opened))
    writer.flush(Batch(closed=[Close(ROUTE, "hers2")]))
    assert erase(engine, ROUTE, HERS, hers)["waiting calls"] == 1
    terms = queries.ledger(engine, ROUTE)
    assert (terms["seen"], terms["pending"], terms["compared"], terms[ERASED]) == (4, 2, 1, 1)
    assert queries.balance(terms) == 0
    writer.expire(NOW + NOW.resolution * 10**12, limit=10)
    assert set(writer.open(ROUTE, ["hers1", "his1", "his2"])) == {"his1", "his2"}
    assert erase(engine, ROUTE, HERS, lambda pending: True)["waiting calls"] == 2
    assert queries.balance(queries.ledger(engine, ROUTE)) == 0


def test_erasing_again_finds_nothing(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1", key=HERS)))
    erase(engine, ROUTE, HERS, hers)
    assert set(erase(engine, ROUTE, HERS, hers).values()) == {0}


def test_what_was_erased_is_no_longer_among_the_bytes_of_a_sqlite_store(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(*(record(str(at), key=HERS, fields={"name": "Zwiebelfisch"}) for at in range(300))))
    writer.flush(batch(record("his", key=HIS, fields={"name": "Kaltmamsell"})))
    erase(engine, ROUTE, HERS, hers)
    scrub(engine)
    if engine.dialect.name == "sqlite":
        files = Path(str(engine.url.database)).parent.glob("store.db*")
        found = b"".join(file.read_bytes() for file in files)
        assert b"Kaltmamsell" in found and b"Zwiebelfisch" not in found


def test_stored_replies_go_by_person_and_scope_and_with_them_those_of_nobody_knows_whom(engine: Engine) -> None:
    hers = {b"%04d" % at: b"reply" for at in range(2500)}
    whose = {token: [HERS] if int(token) % 2 else [HIS] for token in hers}
    whose |= {b"0000": [HIS, HERS], b"0002": [], b"0004": [HIS[8:] + HERS[:8], HERS[8:] + HIS[:8]]}
    for scope in ("amqp/loans/Score", "amqp/cards/Score"):
        keep(engine, scope, hers, 60, whose)
    keep(engine, "amqp/loans/Score", {b"older": b"reply"}, 60)
    assert forget(engine, ["amqp/loans/Score", "amqp/none/Score"], HERS) == (1251, 1)
    assert set(kept(engine, "amqp/loans/Score", list(hers))) == {token for token in hers if HERS not in whose[token]}
    assert len(kept(engine, "amqp/cards/Score", list(hers))) == 2500
    assert forget(engine, ["amqp/loans/Score"], HERS) == (0, 0)


def test_an_answer_that_is_kept_anew_is_the_new_persons(engine: Engine) -> None:
    keep(engine, "s", {b"t": b"reply"}, 0, {b"t": [HERS]})
    keep(engine, "s", {b"t": b"reply"}, 60, {b"t": [HIS]})
    assert (forget(engine, ["s"], HERS), forget(engine, ["s"], HIS)) == ((0, 0), (1, 0))
