"""The ledger balances after any sequence of calls, counts, crashes and restarts, with the real store behind it."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine

from gateway.books import Books
from gateway.pipe import Counts, Sighting
from gateway.store import queries
from gateway.store.engine import connect
from gateway.store.migrate import migrate
from gateway.store.model import COMPARED, FAILED, LOST, SEEN, Replica
from gateway.store.replicas import settle
from gateway.store.told import remembered
from gateway.store.writer import Writer
from gateway.telemetry import Meters
from tests.unit.test_pipe import SIGHTING

STORE = "sqlite:///understudy.db"
workers = st.integers(0, 9)


@dataclass
class Worker:
    """A worker's counts and what stands in its connection."""

    name: str
    handed: int = 0
    terms: Counter[str] = field(default_factory=Counter)
    pipe: deque[Sighting | Counts] = field(default_factory=deque)

    def counts(self, route: str) -> Counts:
        """As they are told."""
        handed = {route: self.handed} if self.handed else {}
        return Counts(self.name, handed, {route: dict(self.terms)} if self.terms else {})


class Machine(RuleBasedStateMachine):
    """One route, workers that come and go, observers one after the other."""

    engine: Engine
    numbers = count()

    @initialize()
    def begin(self) -> None:
        self.route = f"route{next(self.numbers)}"
        self.workers: list[Worker] = []
        self.made = 0
        self.untold = 0
        """Calls of killed workers of which nobody else may know."""
        self.observe()
        self.start_worker()

    def observe(self) -> None:
        self.replica = Replica(f"observer{next(self.numbers)}", "host", 1)
        self.writer = Writer(self.engine, self.replica)
        self.books = Books(Meters(), remembered(self.engine))
        self.undecided: list[tuple[str, Sighting]] = []
        for worker in self.workers:
            worker.pipe = deque([worker.counts(self.route)])

    @rule()
    def start_worker(self) -> None:
        worker = Worker(f"worker{next(self.numbers)}")
        worker.pipe.append(worker.counts(self.route))
        self.workers.append(worker)

    def worker(self, place: int) -> Worker:
        return self.workers[place % len(self.workers)]

    @precondition(lambda self: self.workers)
    @rule(place=workers, calls=st.integers(1, 5), kind=st.sampled_from(["call", "call", "opened"]))
    def hand_over(self, place: int, calls: int, kind: str) -> None:
        worker = self.worker(place)
        sighting = replace(SIGHTING, route=self.route, kind=kind)  # type: ignore[arg-type]  # one of the kinds
        worker.pipe.extend([sighting] * calls)
        worker.handed += calls
        self.made += calls

    @precondition(lambda self: self.workers)
    @rule(place=workers, term=st.sampled_from(["dropped", "sampled_out", "not_observable:off"]))
    def count(self, place: int, term: str) -> None:
        self.worker(place).terms[term] += 1
        self.made += 1

    @precondition(lambda self: self.workers)
    @rule(place=workers)
    def tell(self, place: int) -> None:
        worker = self.worker(place)
        worker.pipe.append(worker.counts(self.route))

    @precondition(lambda self: self.workers)
    @rule(place=workers, frames=st.integers(1, 20))
    def read(self, place: int, frames: int) -> None:
        worker = self.worker(place)
        for _ in range(min(frames, len(worker.pipe))):
            frame = worker.pipe.popleft()
            if isinstance(frame, Counts):
                self.books.counted(frame)
            else:
                self.books.seen(worker.name, frame)
                self.undecided.append((worker.name, frame))

    @precondition(lambda self: self.undecided)
    @rule(most=st.integers(1, 10), term=st.sampled_from([COMPARED, FAILED, "not_observable:technical"]))
    def decide(self, most: int, term: str) -> None:
        for name, sighting in self.undecided[:most]:
            self.books.decided(name, sighting, term)
        del self.undecided[:most]

    @rule()
    def flush(self) -> None:
        self.writer.flush(self.books.close())
        self.balanced()

    @rule()
    def crash_observer(self) -> None:
        """By kill -9: what it had in memory and what stood in the connections is gone."""
        settle(self.engine, self.replica.id)
        self.balanced()
        self.observe()

    @precondition(lambda self: len(self.workers) > 1)
    @rule(place=workers)
    def kill_worker(self, place: int) -> None:
        """Everything it had written is still read; what it had not told is known to nobody."""
        worker = self.worker(place)
        self.read(place, len(worker.pipe))
        self.untold += worker.handed + worker.terms.total()
        self.workers.remove(worker)

    def balanced(self) -> Mapping[str, int]:
        ledger = queries.ledger(self.engine, self.route)
        assert queries.balance(ledger) == 0, ledger
        assert ledger.get(SEEN, 0) <= self.made, "no call is booked twice"
        assert all(amount >= 0 for amount in ledger.values()), ledger
        return ledger

    def teardown(self) -> None:
        """In the end every call that anybody could tell of is booked, and under one term."""
        if not hasattr(self, "books"):
            return
        for place, worker in enumerate(self.workers):
            self.tell(place)
            self.read(place, len(worker.pipe))
        self.decide(len(self.undecided), COMPARED)
        assert self.books.undecided == 0
        self.flush()
        ledger = self.balanced()
        assert self.made - self.untold <= ledger.get(SEEN, 0) <= self.made
        assert "pending" not in ledger


def engine(folder: Path) -> Engine:
    migrate(STORE, folder)
    return connect(STORE, folder)


def test_any_sequence_of_calls_crashes_and_restarts_balances(tmp_path: Path) -> None:
    class OverStore(Machine):
        pass

    OverStore.engine = engine(tmp_path)
    run_state_machine_as_test(OverStore, settings=settings(max_examples=40, stateful_step_count=25))


def test_what_a_crashed_observer_had_read_is_lost_once(tmp_path: Path) -> None:
    """Three decided and flushed, two read and flushed as pending, four read since, one never read: ten in all."""
    store = engine(tmp_path)
    first, replica = Books(Meters(), {}), Replica("first", "host", 1)
    first.counted(Counts("w", {}, {}))
    for at in range(9):
        first.seen("w", SIGHTING)
        if at < 3:
            first.decided("w", SIGHTING, COMPARED)
        if at == 4:
            Writer(store, replica).flush(first.close())
    assert settle(store, "first") == 2
    second = Books(Meters(), remembered(store))
    second.counted(Counts("w", {"loan": 10}, {"loan": {"dropped": 1}}))
    second.counted(Counts("w", {"loan": 10}, {"loan": {"dropped": 1}}))
    Writer(store, Replica("second", "host", 2)).flush(second.close())
    ledger = {term: n for term, n in queries.ledger(store, "loan").items() if not term.startswith("told")}
    assert ledger == {SEEN: 11, COMPARED: 3, LOST: 7, "dropped": 1}
