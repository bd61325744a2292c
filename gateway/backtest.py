"""When a guard would have acted on what was recorded, and who would have been affected until then. Pure.

It looks once a minute of the recorded time. Coverage, counters and decisions are not judged: records do not tell of
calls that left none, nor are they summed by day."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.contract import By
from gateway.guard import Facts, Memory, Window, judge, spans, take
from gateway.judgement import Judgement, Outcome
from gateway.limits import Guard
from gateway.store.model import FAILED, TIMED_OUT, Record
from gateway.store.sums import Tally

MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Backtested:
    """What came of one epoch."""

    judgement: Judgement = field(default_factory=Judgement)
    """The first that rolls back; else the last."""
    acted: datetime | None = None
    records: int = 0
    calls: int = 0
    """Calls, and business keys, that the candidate answered until the guard acted; all of them where it did not."""
    keys: int = 0
    spared_calls: int = 0
    """Those that it answered after, keys only where it had not answered them before."""
    spared_keys: int = 0


class _Minutes:
    """What the last minutes were like."""

    def __init__(self, guard: Guard) -> None:
        self._spans = spans(guard)
        self._slow = guard.latency.above * 1000 if guard.latency else 0.0
        self._counts: defaultdict[datetime, Counter[str]] = defaultdict(Counter)

    def add(self, minute: datetime, record: Record) -> None:
        """Adds one; a message of many records is one call."""
        if record.index:
            return
        counts = self._counts[minute]
        counts["calls"] += 1
        counts["failed"] += record.verdict in (FAILED, TIMED_OUT)
        if record.by == By.CANDIDATE and record.candidate_ms is not None:
            counts["answered"] += 1
            counts["slow"] += record.candidate_ms > self._slow

    def windows(self, now: datetime) -> Mapping[float, Window]:
        """As a guard would see them at this minute's end."""
        found: dict[float, Window] = {}
        for span in self._spans:
            since = now - timedelta(seconds=span)
            sums: Counter[str] = sum(
                (counts for minute, counts in self._counts.items() if minute >= since), Counter[str]()
            )
            found[span] = Window(sums["calls"], sums["failed"], sums["answered"], sums["slow"])
        oldest = now - timedelta(seconds=max(self._spans, default=0.0))
        for minute in [one for one in self._counts if one < oldest]:
            del self._counts[minute]
        return found


class _Run:
    """One epoch, as far as it was gone through."""

    def __init__(self, guard: Guard, day_to_day: float, most: float) -> None:
        self.found = Backtested()
        self._guard, self._most = guard, most
        self._memory, self._minutes = Memory(day_to_day), _Minutes(guard)
        self._fresh: dict[bytes, Tally] = {}
        self._known: set[bytes] = set()
        self._answered: set[bytes | None] = set()
        self._spared: set[bytes | None] = set()
        self._began: datetime | None = None
        self._minute: datetime | None = None

    def take(self, record: Record) -> None:
        """Goes on by one record, and looks first where a minute has ended."""
        minute = record.received.replace(second=0, microsecond=0)
        if self._minute and minute > self._minute:
            self.look()
        self._began = self._began or record.received
        self._minute = max(minute, self._minute or minute)
        self.found.records += 1
        if record.by == By.CANDIDATE:
            self._count(record)
        self._minutes.add(minute, record)
        if record.compared and record.unit and record.unit not in self._known:
            self._fresh.setdefault(record.unit, Tally(record.received, record.received)).count(record)

    def look(self) -> None:
        """Has the guard judge at the end of the minute, unless it has acted."""
        if self._minute is None or self._began is None or self.found.acted:
            return
        now = self._minute + MINUTE
        take(self._guard, self._memory, list(self._fresh.values()), self._most)
        self._known.update(self._fresh)
        self._fresh.clear()
        facts = Facts(now - self._began, {}, self._minutes.windows(now))
        self.found.judgement = judge(self._guard, self._memory, facts, self._most)
        if self.found.judgement.outcome is Outcome.ROLL_BACK:
            self.found.acted = now

    def _count(self, record: Record) -> None:
        """A message of many records is one call."""
        if self.found.acted is None:
            self._answered.add(record.key)
            self.found.calls += not record.index
            self.found.keys = len(self._answered)
        elif record.key not in self._answered:
            self._spared.add(record.key)
            self.found.spared_keys = len(self._spared)
        self.found.spared_calls += self.found.acted is not None and not record.index


def backtest(guard: Guard, records: Iterable[Record], day_to_day: float, most: float = 1.0) -> Backtested:
    """Goes through the records of one epoch, in the order in which they were written."""
    run = _Run(guard, day_to_day, most)
    for record in records:
        run.take(record)
    run.look()
    return run.found
