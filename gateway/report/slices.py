"""The sums of a route, read once and cut by source, stage, epoch and time; a report then costs minutes, not calls."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Engine, func, select

from gateway.store import queries, rollups
from gateway.store.engine import reading
from gateway.store.model import Slot
from gateway.store.sums import Rollup
from gateway.store.tables import rollup as table

WIDTHS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86400, 7 * 86400)
"""Seconds of one bucket of time."""
BUCKETS = 60
"""Buckets of a report at most, as long as the widest is wide enough."""


class Slice(NamedTuple):
    """What a sum is of; `at` is when its bucket of time begins."""

    source: str
    stage: str
    epoch: int
    at: datetime


class Slices(NamedTuple):
    """All sums of a route; `width` is the seconds of a bucket of time."""

    width: int
    sums: Mapping[Slice, Rollup]

    def of(self, wanted: Callable[[Slice], bool] = lambda _: True) -> Rollup:
        """The total of the slices that are wanted."""
        total = Rollup()
        for cut, rollup in self.sums.items():
            if wanted(cut):
                total.merge(rollup)
        return total

    def times(self) -> Sequence[datetime]:
        """Every bucket from the first with calls to the last, those without calls too."""
        found = {cut.at for cut in self.sums}
        if not found:
            return []
        first, last = min(found), max(found)
        return [
            first + timedelta(seconds=self.width * at)
            for at in range(int((last - first).total_seconds()) // self.width + 1)
        ]


def slices(engine: Engine, route: str) -> Slices:
    """Reads them. Raises StoreDown."""
    mine = table.c.route == route
    with reading(engine) as connection:
        first, last = connection.execute(select(func.min(table.c.minute), func.max(table.c.minute)).where(mine)).one()
        names = set(connection.execute(select(table.c.replica).where(mine).distinct()).scalars())
    if first is None:
        return Slices(WIDTHS[0], {})
    # No bucket is narrower than a sum in it.
    least = max((one.span.total_seconds() for one in rollups.WIDTHS if one.name in names), default=0)
    span = (last - first).total_seconds() + 60
    width = next((one for one in WIDTHS if one >= least and span / one <= BUCKETS), WIDTHS[-1])

    def cut(slot: Slot) -> Slice:
        since = int(slot.minute.timestamp())
        return Slice(slot.source, slot.stage, slot.epoch, datetime.fromtimestamp(since - since % width, UTC))

    return Slices(width, queries.sums(engine, route, cut))


def within(epochs: Collection[int]) -> Callable[[Slice], bool]:
    """Whether a slice is of one of the epochs; of any where none was ever begun."""
    return lambda cut: not epochs or cut.epoch in epochs
