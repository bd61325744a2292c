"""When a guard would have acted on what was recorded, and who would have been affected until then. Pure.

It looks once a minute of the recorded time. Coverage and counters are judged by what left a record: of calls that were
dropped, lost or orphaned, and of what adapters noticed, records do not tell. Drift is not judged."""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.contract import By
from gateway.guard import Facts, Memory, Window, judge, spans, take
from gateway.judgement import Judgement, Outcome
from gateway.limits import Guard
from gateway.store.model import COMPARED, FAILED, TIMED_OUT, Record
from gateway.store.sums import Tally

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(slots=True)
class Backtested:
    """What came of one epoch."""

    judgement: Judgement = field(default_factory=Judgement)
    """The first that rolls back; else the last."""
    acted: datetime | None = None
    waited: datetime | None = None
    """When it first said hold, so that a plan would have waited, and why."""
    why: str = ""
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


class _Day:
    """What both sides said of fields of few values, within the last day."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._minutes: deque[tuple[datetime, Counter[tuple[str, tuple[str, str]]]]] = deque()
        self._sums: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in names}

    def add(self, minute: datetime, record: Record) -> None:
        """Adds one; minutes do not go back."""
        if not self._minutes or self._minutes[-1][0] < minute:
            self._minutes.append((minute, Counter()))
        for name in self._names:
            if name in record.verdicts and (pair := _pair(record, name)):
                self._minutes[-1][1][name, pair] += 1
                self._sums[name][pair] += 1

    def decisions(self, now: datetime) -> Mapping[str, Mapping[tuple[str, str], int]]:
        """As a guard would see them at this minute's end."""
        while self._minutes and self._minutes[0][0] < now - DAY:
            for (name, pair), count in self._minutes.popleft()[1].items():
                self._sums[name][pair] -= count
        return self._sums


def _pair(record: Record, name: str) -> tuple[str, str] | None:
    """Both sides' values, as sums have them: of numbers and lists none."""
    sides = [one.get(name) if isinstance(one, Mapping) else None for one in (record.incumbent, record.candidate)]
    return (str(sides[0]), str(sides[1])) if all(isinstance(one, str | bool | None) for one in sides) else None


class _Run:
    """One epoch, as far as it was gone through."""

    def __init__(self, guard: Guard, day_to_day: float, most: float) -> None:
        self.found = Backtested()
        self._guard, self._most = guard, most
        self._memory, self._minutes, self._day = Memory(day_to_day), _Minutes(guard), _Day(guard.decisions)
        self._ledger: Counter[str] = Counter()
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
        self._day.add(self._minute, record)
        self._ledger[COMPARED if record.compared else record.verdict] += not record.index
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
        facts = Facts(now - self._began, self._ledger, self._minutes.windows(now), self._day.decisions(now))
        self.found.judgement = judge(self._guard, self._memory, facts, self._most)
        if self.found.judgement.outcome is Outcome.ROLL_BACK:
            self.found.acted = now
        elif self.found.judgement.outcome is Outcome.HOLD and self.found.waited is None:
            self.found.waited, self.found.why = now, self.found.judgement.reason

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
