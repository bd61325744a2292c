"""What an observer hands to the store at once."""

from dataclasses import dataclass, field

from gateway.store.model import Close, Pending, Record, Slot
from gateway.store.sums import Rollup, Units


@dataclass(slots=True)
class Batch:
    """Everything of one flush, written in one transaction or not at all. Do not change it once it was flushed."""

    records: list[Record] = field(default_factory=list)
    ledger: dict[tuple[str, str], int] = field(default_factory=dict)
    """(route, term): what is added. Never PENDING."""
    rollups: dict[Slot, Rollup] = field(default_factory=dict)
    """Includes the verdicts of all `records`; the writer takes those of duplicates back out."""
    evidence: Units = field(default_factory=dict)
    """Includes all `records`, as `rollups` does."""
    opened: list[Pending] = field(default_factory=list)
    closed: list[Close] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)
    """Route: calls that are seen and still undecided in memory when this batch is closed. Set, not added."""

    def book(self, route: str, term: str, count: int = 1) -> None:
        """Adds to the ledger."""
        self.ledger[route, term] = self.ledger.get((route, term), 0) + count

    def rollup(self, slot: Slot) -> Rollup:
        """The sums of a slot, to add to."""
        if (sums := self.rollups.get(slot)) is None:
            sums = self.rollups[slot] = Rollup()
        return sums
