"""The observer's books: what goes to the store with the next flush, so that the ledger balances in each of them."""

from collections import Counter
from collections.abc import Mapping

from gateway.pipe import Counts, Sighting
from gateway.store.batch import Batch
from gateway.store.model import BALANCED, LOST, SEEN
from gateway.store.told import PREFIX, told
from gateway.telemetry import Meters

HANDED = "handed"


class Books:
    """Books every call once, whoever crashes: what a worker handed over and no observer saw is booked as lost."""

    def __init__(self, meters: Meters, known: Mapping[str, Counter[tuple[str, str]]]) -> None:
        """`known` is what the store remembers of each worker from earlier observers (`told.remembered`)."""
        self.batch = Batch()
        self._meters = meters
        self._known = dict(known)
        self._waiting: Counter[str] = Counter()

    @property
    def undecided(self) -> int:
        """Calls that were seen and have no term yet."""
        return self._waiting.total()

    def seen(self, worker: str, sighting: Sighting) -> None:
        """Books a sighting that has just been read."""
        self._known[worker][sighting.route, HANDED] += 1
        if sighting.kind == "call":
            self._waiting[sighting.route] += 1
            self.batch.book(sighting.route, SEEN)
            self.batch.book(sighting.route, told(worker, HANDED))

    def decided(self, worker: str, sighting: Sighting, term: str) -> None:
        """Books the term of a sighting; for a witnessed one with term "" the writer books the rest."""
        if sighting.kind == "call":
            self._waiting[sighting.route] -= 1
        else:
            self.batch.book(sighting.route, told(worker, HANDED))
            if term.partition(":")[0] in BALANCED:
                self.batch.book(sighting.route, SEEN)
        if term:
            self.batch.book(sighting.route, term)

    def counted(self, counts: Counts) -> None:
        """Books what the worker never handed over, and as lost what it handed over and nobody read."""
        known = self._known.setdefault(counts.worker, Counter())
        for route, handed in counts.handed.items():
            self._catch_up(counts.worker, known, route, HANDED, handed, LOST)
        for route, terms in counts.terms.items():
            for term, count in terms.items():
                self._catch_up(counts.worker, known, route, term, count, term)

    def close(self) -> Batch:
        """The batch for the store; a new one is begun."""
        batch, self.batch = self.batch, Batch()
        for (route, term), count in batch.ledger.items():
            if not term.startswith(PREFIX):
                self._meters.booked(route, term, count)
        batch.waiting = dict(self._waiting)
        return batch

    def _catch_up(
        self, worker: str, known: Counter[tuple[str, str]], route: str, name: str, total: int, term: str
    ) -> None:
        if (more := total - known[route, name]) > 0:
            known[route, name] = total
            self.batch.book(route, told(worker, name), more)
            if term.partition(":")[0] in BALANCED:
                self.batch.book(route, SEEN, more)
            self.batch.book(route, term, more)
