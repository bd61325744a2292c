"""Evidence comes by business key, once, in order, whoever writes it."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine

from gateway.store.batch import Batch
from gateway.store.evidence import Unit, units
from gateway.store.model import DISAGREE
from gateway.store.writer import Writer
from tests.integration.store.conftest import NewWriter
from tests.integration.store.samples import NOW, batch, record

A, B, C = b"a" * 16, b"b" * 16, b"c" * 16
HOUR = NOW.replace(minute=0, second=0, microsecond=0)


def keys(found: object) -> list[bytes]:
    assert isinstance(found, list)
    return [one.key for one in found]


def test_a_key_is_one_unit_with_all_its_calls_in_order_of_its_first(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1", key=B), record("2", DISAGREE, key=A, cost=2.5), record("3", DISAGREE, key=B)))
    writer.flush(batch(record("4", key=A, segments=["large"]), record("5", key=C)))
    one, two, three = units(engine, 1)
    assert one == Unit(one.arrival, B, NOW, HOUR, 2, 1, 0.0, {"decision": (1, 2)})
    assert two == Unit(two.arrival, A, NOW, HOUR, 2, 1, 2.5, {"decision": (1, 2), "segment:large": (0, 1)})
    assert three.key == C and one.arrival < two.arrival < three.arrival


def test_a_look_reads_only_what_came_since_the_last_one(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1", key=A), record("2", key=B)))
    first = units(engine, 1, limit=1)
    assert keys(first) == [A]
    writer.flush(batch(record("3", key=A), record("4", key=C)))
    assert keys(units(engine, 1, after=first[-1].arrival)) == [B, C]
    assert units(engine, 1, after=10**6) == []


def test_what_was_not_compared_or_has_no_unit_is_no_evidence(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1", key=None), record("2", "opaque", key=A), record("3", epoch=0, key=A)))
    assert units(engine, 1) == [] and units(engine, 0) == []


def test_epochs_are_kept_apart(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1", key=A), record("2", DISAGREE, epoch=2, key=A)))
    assert [one.disagreed for number in (1, 2) for one in units(engine, number)] == [0, 1]


def test_a_redelivered_call_is_counted_once(engine: Engine, writer: Writer) -> None:
    writer.flush(batch(record("1", DISAGREE, key=A, cost=1.0)))
    writer.flush(batch(record("1", DISAGREE, key=A, cost=1.0), record("2", key=A), record("2", key=A)))
    [unit] = units(engine, 1)
    assert (unit.calls, unit.disagreed, unit.cost, unit.parts) == (2, 1, 1.0, {"decision": (1, 2)})


def test_a_reader_that_follows_many_replicas_misses_no_key(engine: Engine, new_writer: NewWriter) -> None:
    """Arrivals become visible in their order only, so that none is ever behind the place a reader has come to."""

    def write(name: str) -> None:
        writer = new_writer(name)
        for at in range(15):
            writer.flush(batch(*(record(f"{name} {at} {n}", key=f"{name}{at:07}{n:08}".encode()) for n in range(5))))

    seen: list[Unit] = []
    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, name) for name in "abc"]
        while not all(one.done() for one in writers):
            seen += units(engine, 1, after=seen[-1].arrival if seen else 0)
        for one in writers:
            one.result()
    seen += units(engine, 1, after=seen[-1].arrival if seen else 0)
    assert len(seen) == len({one.key for one in seen}) == 3 * 15 * 5
    assert sum(one.calls for one in units(engine, 1)) == 225


def test_more_keys_than_one_statement_takes_parameters(engine: Engine, writer: Writer) -> None:
    for disagree in ("agree", DISAGREE):
        writer.flush(batch(*(record(f"{disagree}{at}", disagree, key=at.to_bytes(16)) for at in range(1201))))
    found = units(engine, 1)
    assert [one.key for one in found] == [at.to_bytes(16) for at in range(1201)]
    assert {(one.calls, one.disagreed) for one in found} == {(2, 1)}
    writer.flush(Batch())
    assert units(engine, 1) == found


def test_a_batch_stays_as_it_is_for_it_may_be_written_again(writer: Writer) -> None:
    """Given a key that is known already, when more of it is written, then the batch still says only what is new."""
    writer.flush(batch(record("c1")))
    more = batch(record("c2"), record("c3"))
    writer.flush(more)
    assert [tally.calls for tally in more.evidence.values()] == [2]
