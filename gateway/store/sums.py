"""Sums over records: of a minute for reports, of a business key for statistics. Pure; merging is adding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.store.histogram import Histogram
from gateway.store.model import AGREE, DISAGREE, KNOWN, Record
from gateway.store.spread import Spread, number

COUNTS = ("calls", "answered_incumbent", "answered_candidate", "errors", "compared", "agreed", "late")
OTHER = "(other)"
PAIRS = 64
"""Pairs of values of one field that a minute keeps apart; more, or long values, are OTHER."""
LONG = 40
WHOLE = ""
"""Stands for all fields of a record together."""
Pair = tuple[Any, Any]
"""The incumbent's and the candidate's value: a text, a truth value or None."""


@dataclass(slots=True)
class Rollup:
    """Sums of one slot. `compared`, `agreed` and `late` count records, `calls` counts calls.

    Values of answers are summed only where the records' settings keep them as they are."""

    calls: int = 0
    answered_incumbent: int = 0
    answered_candidate: int = 0
    errors: int = 0
    compared: int = 0
    agreed: int = 0
    late: int = 0
    cost: float = 0.0
    """Of the disagreements, where they are priced."""
    words: dict[str, int] = field(default_factory=dict)
    """Records by verdict, those that do not count as compared too."""
    fields: dict[str, list[int]] = field(default_factory=dict)
    """Field: [agreed, compared]."""
    segments: dict[str, list[int]] = field(default_factory=dict)
    """Segment: [agreed, compared] records."""
    known: dict[str, int] = field(default_factory=dict)
    """Known difference: records in which it was met."""
    repeats: dict[str, list[int]] = field(default_factory=dict)
    """The incumbent against itself: field, or WHOLE: [agreed, compared] pairs of equal requests."""
    latency: dict[str, Histogram] = field(default_factory=dict)
    """`incumbent`, `candidate`, `gateway`: milliseconds."""
    numbers: dict[str, dict[str, Spread]] = field(default_factory=dict)
    """Field with numbers on both sides: `incumbent`, `candidate`, and `difference`: candidate minus incumbent."""
    pairs: dict[str, dict[Pair, list[int]]] = field(default_factory=dict)
    """Field with texts: what the two said: [records, of these disagreeing]."""

    def take(self, record: Record, sign: int = 1) -> None:
        """Adds (or with sign -1 takes back) what one record says beside the counts of its call."""
        self.words[record.verdict] = self.words.get(record.verdict, 0) + sign
        self.late += sign * record.late
        if record.compared:
            agreed = sign * (record.verdict == AGREE)
            self.compared += sign
            self.agreed += agreed
            self.cost += sign * record.cost
            for name in record.segments:
                _add(self.segments, name, agreed, sign)
        for entry in {word.removeprefix(KNOWN) for word in record.verdicts.values() if word.startswith(KNOWN)}:
            self.known[entry] = self.known.get(entry, 0) + sign
        for name, word in record.verdicts.items():
            if word in (AGREE, DISAGREE):
                _add(self.fields, name, sign * (word == AGREE), sign)
            if name.partition(".")[0] in record.plain:
                self._value(name, _of(record.incumbent, name), _of(record.candidate, name), word, sign)

    def repeat(self, words: Mapping[str, str]) -> None:
        """Adds one pair of answers of the incumbent to equal requests: AGREE or DISAGREE by field, and of WHOLE."""
        for name, word in words.items():
            if word in (AGREE, DISAGREE):
                _add(self.repeats, name, word == AGREE, 1)

    def time(self, who: str, milliseconds: float) -> None:
        """Adds one latency of `incumbent`, `candidate`, `gateway`; `served` is the candidate's where it answered."""
        if (histogram := self.latency.get(who)) is None:
            histogram = self.latency[who] = Histogram()
        histogram.add(milliseconds)

    def merge(self, other: "Rollup") -> None:
        """Adds another roll-up's sums."""
        for counted in COUNTS:
            setattr(self, counted, getattr(self, counted) + getattr(other, counted))
        self.cost += other.cost
        for mine, theirs in ((self.words, other.words), (self.known, other.known)):
            for word, count in theirs.items():
                mine[word] = mine.get(word, 0) + count
        pairs = ((self.fields, other.fields), (self.segments, other.segments), (self.repeats, other.repeats))
        for sums, more in pairs:
            for name, (agreed, compared) in more.items():
                _add(sums, name, agreed, compared)
        for who, histogram in other.latency.items():
            self.latency.setdefault(who, Histogram()).merge(histogram)
        for name, sides in other.numbers.items():
            for side, spread in sides.items():
                self.numbers.setdefault(name, {}).setdefault(side, Spread()).merge(spread)
        for name, said in other.pairs.items():
            for pair, (records, disagreeing) in said.items():
                _add(self.pairs.setdefault(name, {}), pair, records, disagreeing)

    def _value(self, name: str, incumbent: Any, candidate: Any, word: str, sign: int) -> None:
        theirs, ours = number(incumbent), number(candidate)
        if theirs is not None and ours is not None:
            if (sides := self.numbers.get(name)) is None:
                sides = self.numbers[name] = {side: Spread() for side in ("incumbent", "candidate", "difference")}
            sides["incumbent"].add(theirs, sign)
            sides["candidate"].add(ours, sign)
            sides["difference"].add(ours - theirs, sign)
        elif isinstance(incumbent, str | bool | None) and isinstance(candidate, str | bool | None):
            pairs, pair = self.pairs.setdefault(name, {}), (_short(incumbent), _short(candidate))
            if pair not in pairs and len(pairs) >= PAIRS:
                pair = (OTHER, OTHER)
            _add(pairs, pair, sign, sign * (word == DISAGREE))


@dataclass(slots=True)
class Tally:
    """What is known of one business key in an epoch; merging is adding. See `evidence.Unit`."""

    first: datetime
    last: datetime
    calls: int = 0
    disagreed: int = 0
    cost: float = 0.0
    parts: dict[str, list[int]] = field(default_factory=dict)

    def count(self, record: Record, sign: int = 1) -> None:
        """Adds (or with sign -1 takes back) one compared record."""
        self.first, self.last = min(self.first, record.received), max(self.last, record.received)
        differs = sign * (record.verdict == DISAGREE)
        self.calls += sign
        self.disagreed += differs
        self.cost += sign * record.cost
        for name, word in record.verdicts.items():
            if word in (AGREE, DISAGREE):
                _add(self.parts, name, sign * (word == DISAGREE), sign)
        for name in record.segments:
            _add(self.parts, f"segment:{name}", differs, sign)

    def merge(self, other: "Tally") -> None:
        """Adds another tally of the same key."""
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.calls += other.calls
        self.disagreed += other.disagreed
        self.cost += other.cost
        for name, (disagreed, compared) in other.parts.items():
            _add(self.parts, name, disagreed, compared)


Units = dict[tuple[int, bytes], Tally]
"""By epoch and unit, in order of arrival."""


def _add(sums: dict[Any, list[int]], name: Any, first: int, second: int) -> None:
    if (pair := sums.get(name)) is None:
        sums[name] = [first, second]
    else:
        pair[0] += first
        pair[1] += second


def _of(answer: Any, name: str) -> Any:
    """The value of a field; one of a group by its path."""
    if isinstance(answer, dict) and name in answer:
        return answer[name]
    for part in name.split("."):
        answer = answer.get(part) if isinstance(answer, Mapping) else None
    return answer


def _short(value: str | bool | None) -> str | bool | None:
    return OTHER if isinstance(value, str) and len(value) > LONG else value
