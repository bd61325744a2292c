"""Whether a route's candidate may go on: promote, hold, roll back or undecided, each with its reason. Pure.

Rates are proven by business key, from the epoch's start, whoever looks how often (`proof`); errors and latency are
watched by burn rates over a fast and a slow window, and of them no confidence is claimed."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import sqrt
from typing import Protocol

from gateway.judgement import Finding, Judgement, Outcome
from gateway.limits import Burn, Guard
from gateway.proof import Proof, Rate
from gateway.statistics.rates import sequence

ASSUMED = 0.5
"""How much days are taken to vary where nothing is known of them."""
FEW = 100
"""Records below which nothing is said of how decisions are shared out."""
ENOUGH_DAYS = 5
"""Days from which on their variation is measured."""
NOT_COMPARED = frozenset(("dropped", "timed_out", "failed", "undecodable", "orphan", "lost"))
"""Terms of calls that should have been compared and were not."""
COMPARED = frozenset(("compared", "compared_late"))


class Unit(Protocol):
    """One business key as the store has it (`store.evidence.Unit`)."""

    @property
    def first(self) -> datetime: ...
    @property
    def calls(self) -> int: ...
    @property
    def disagreed(self) -> int: ...
    @property
    def cost(self) -> float: ...
    @property
    def parts(self) -> Mapping[str, Sequence[int]]: ...


@dataclass(slots=True, frozen=True)
class Window:
    """What happened in the last minutes: calls of the candidate, how many failed, and how many answers were slow."""

    calls: int = 0
    failed: int = 0
    answered: int = 0
    slow: int = 0


@dataclass(slots=True, frozen=True)
class Facts:
    """What else a look is given. `ledger` is counted from the epoch's start."""

    age: timedelta
    ledger: Mapping[str, int] = field(default_factory=dict)
    windows: Mapping[float, Window] = field(default_factory=dict)
    """By length in seconds, each that `spans` asks for."""
    decisions: Mapping[str, Mapping[tuple[str, str], int]] = field(default_factory=dict)
    """By answer field, over the last day: records by what incumbent and candidate said."""
    drift: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By input: its stability index against training, and what chance alone would show."""
    waived: Mapping[str, str] = field(default_factory=dict)
    """By condition: who answers for it, until when and why."""


@dataclass(slots=True)
class Memory:
    """What a guard remembers of an epoch: each look only adds the keys that are new."""

    day_to_day: float = ASSUMED
    keys: int = 0
    proofs: dict[str, Proof] = field(default_factory=dict)
    days: dict[int, list[float]] = field(default_factory=dict)
    """By day: keys, and the sum of their disagreement."""


def spans(guard: Guard) -> set[float]:
    """The windows that the guard looks at, in seconds."""
    return {span for burn in (guard.errors, guard.latency) if burn for span in (burn.fast, burn.slow)}


def take(guard: Guard, memory: Memory, units: Sequence[Unit], most: float = 1.0) -> None:
    """Adds keys that have come since the last look. A key counts once, as it stands when it is first seen: what
    comes of it later depends on what was seen. `most` is what a record costs at most."""
    memory.keys += len(units)
    for unit in units:
        day = memory.days.setdefault(unit.first.toordinal(), [0, 0.0])
        day[0] += 1
        day[1] += unit.disagreed / unit.calls
    for rate, value in _rates(guard, most):
        days: defaultdict[int, list[float]] = defaultdict(list)
        for unit in units:
            if (x := value(unit)) is not None:
                days[unit.first.toordinal()].append(x)
        proof = memory.proofs.get(rate.name, Proof())
        memory.proofs[rate.name] = rate.take(proof, days, memory.day_to_day)


def judge(guard: Guard, memory: Memory, facts: Facts, most: float = 1.0) -> Judgement:
    """What follows from all that is known."""
    findings = [
        *_watched(guard, facts),
        *_counted(guard, facts),
        *_shifted(guard, facts),
        *_drifted(guard, facts),
        *_proven(guard, memory, facts, most),
    ]
    findings = [_waived(finding, facts) for finding in findings]
    findings.sort(key=lambda finding: -finding.outcome)
    outcome = findings[0].outcome if findings else Outcome.UNDECIDED
    open_ = [finding for finding in findings if finding.outcome is Outcome.UNDECIDED]
    told = outcome is Outcome.UNDECIDED and open_ and all(finding.keys is not None for finding in open_)
    keys, days = (max(f.keys or 0 for f in open_), max(f.days or 0.0 for f in open_)) if told else (None, None)
    return Judgement(outcome, findings, keys, days)


def conditions(guard: Guard) -> Sequence[str]:
    """The names of the guard's conditions, as its findings have them."""
    rates = [rate.name for rate, _ in _rates(guard, 1.0)]
    watched = [name for name in ("errors", "latency", "drift") if getattr(guard, name) is not None]
    shifts = [f"shift of {name}" for name in guard.decisions]
    return [*rates, *(["coverage"] if rates else []), *watched, *shifts, *guard.counters]


def _waived(finding: Finding, facts: Facts) -> Finding:
    """A condition that somebody answers for keeps nobody back and takes nobody back; what it says stays to be seen."""
    told = facts.waived.get(finding.condition)
    if told is None or finding.outcome is Outcome.PROMOTE:
        return finding
    reason = f"{finding.reason} ({finding.outcome}, {told})"
    return replace(finding, outcome=Outcome.PROMOTE, reason=reason, keys=None, days=None)


def variation(days: Sequence[tuple[float, float]]) -> float | None:
    """How much rates vary from day to day, as a share of their mean, beyond what chance makes of so few keys a day;
    None below five days. `days`: keys and the sum of their values.

    The variance of days by the method of moments (A. P. Dempster, N. R. Laird, D. B. Rubin would call it the between
    part), its upper end by chi squared: what few days do not show may be there all the same."""
    days = [(keys, total) for keys, total in days if keys]
    if len(days) < ENOUGH_DAYS:
        return None
    from scipy.stats import chi2

    mean = sum(total for _, total in days) / sum(keys for keys, _ in days)
    if not 0 < mean < 1:
        return None
    spread = sum((total / keys - mean) ** 2 for keys, total in days) / float(chi2.ppf(0.1, len(days) - 1))
    chance = sum(mean * (1 - mean) / keys for keys, _ in days) / len(days)
    return sqrt(max(0.0, spread - chance)) / mean


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"


def _rates(guard: Guard, most: float) -> Iterator[tuple[Rate, Callable[[Unit], float | None]]]:
    """The rates that have a limit, and what a key says of each; None where it says nothing."""
    if guard.disagreement is not None:
        yield Rate("disagreement", guard.disagreement, _percent), lambda unit: unit.disagreed / unit.calls
    for name, limit in guard.fields.items():
        yield Rate(f"disagreement on {name}", limit, _percent), _part(name)
    for name, limit in guard.segments.items():
        yield Rate(f"disagreement in {name}", limit, _percent), _part(f"segment:{name}")
    if guard.cost is not None:
        rate = Rate("cost a call", guard.cost / most, lambda share: f"{share * most:.4g}")
        yield rate, lambda unit: min(max(unit.cost / unit.calls, 0.0) / most, 1.0)


def _part(name: str) -> Callable[[Unit], float | None]:
    def value(unit: Unit) -> float | None:
        disagreed, compared = unit.parts.get(name, (0, 0))
        return disagreed / compared if compared else None

    return value


def _proven(guard: Guard, memory: Memory, facts: Facts, most: float) -> Iterator[Finding]:
    """To be wrong about any limit is as likely as 1 - confidence: each condition gets its share of that. To promote
    all of them must be proven, so that each has the whole."""
    rates = [rate for rate, _ in _rates(guard, most)]
    if rates and (short := _short(guard, facts)) is not None:
        yield short
        if short.condition not in facts.waived:
            return
    error = 1 - guard.confidence
    days = max(facts.age / timedelta(days=1), 1 / 24)
    for rate in rates:
        proof = memory.proofs.get(rate.name, Proof())
        yield rate.find(proof, error / len(rates), error, proof.above.taken / days, memory.day_to_day)


def _short(guard: Guard, facts: Facts) -> Finding | None:
    """Where too few of the calls were compared the others may be another kind of calls."""
    compared = sum(facts.ledger.get(term, 0) for term in COMPARED)
    missed = sum(count for term, count in facts.ledger.items() if term.partition(":")[0] in NOT_COMPARED)
    if not missed or compared >= guard.coverage * (compared + missed):
        return None
    told = f"{compared:,} of {compared + missed:,} calls were compared, less than {guard.coverage:.0%}"
    return Finding("coverage", Outcome.UNDECIDED, f"{told}: nothing is said of the others")


def _shifted(guard: Guard, facts: Facts) -> Iterator[Finding]:
    """Whether the candidate decides otherwise on the whole, however single calls agree."""
    for name, limit in guard.decisions.items():
        pairs = facts.decisions.get(name, {})
        if (total := sum(pairs.values())) < FEW:
            told = f"shift of {name}: {total} records in a day are too few to say anything"
            yield Finding(f"shift of {name}", Outcome.PROMOTE, told, None, limit, total)
            continue
        shifts: Counter[str] = Counter()
        for (theirs, ours), count in pairs.items():
            shifts.update({ours: count})
            shifts.subtract({theirs: count})
        value, most = max(shifts.items(), key=lambda one: abs(one[1]))
        told = f"shift of {name}: the candidate says {value} for {_percent(abs(most) / total)} "
        told += f"{'more' if most > 0 else 'less'} of {total:,} records than the incumbent, limit {_percent(limit)}"
        outcome = Outcome.HOLD if abs(most) > limit * total else Outcome.PROMOTE
        yield Finding(f"shift of {name}", outcome, told, abs(most) / total, limit, total)


def _drifted(guard: Guard, facts: Facts) -> Iterator[Finding]:
    """Whether any input is spread otherwise than in training, by more than the limit and by more than twice chance."""
    if (limit := guard.drift) is None:
        return
    if not facts.drift:
        told = "drift: nothing is known yet; it takes 50 records and a model that carries its training data's spread"
        yield Finding("drift", Outcome.UNDECIDED, told, None, limit)
        return
    over = {name: one for name, one in facts.drift.items() if one[0] > max(limit, 2 * one[1])}
    name, (index, chance) = max((over or facts.drift).items(), key=lambda one: one[1][0])
    told = f"drift: {name} is {index:.2g} from training, limit {limit:g}, by chance alone {chance:.2g}"
    told += f"; so are {len(over) - 1} more inputs" if len(over) > 1 else ""
    yield Finding("drift", Outcome.HOLD if over else Outcome.PROMOTE, told, index, limit)


def _counted(guard: Guard, facts: Facts) -> Iterator[Finding]:
    for term, limit in guard.counters.items():
        count = sum(n for name, n in facts.ledger.items() if term in (name, name.partition(":")[2]))
        told = f"{term}: counted {count:,} times, limit {limit:,}"
        yield Finding(term, Outcome.ROLL_BACK if count > limit else Outcome.PROMOTE, told, count, limit)


def _watched(guard: Guard, facts: Facts) -> Iterator[Finding]:
    if guard.errors:
        yield _burning("errors", "calls failed", guard.errors, facts, lambda one: (one.failed, one.calls))
    if guard.latency:
        slow = f"answers took longer than {guard.latency.above:g} s"
        yield _burning("latency", slow, guard.latency, facts, lambda one: (one.slow, one.answered))


def _burning(
    name: str, what: str, burn: Burn, facts: Facts, of: Callable[[Window], tuple[int, int]]
) -> Finding:  # fmt: skip
    (bad, calls), (slow_bad, slow_calls) = (of(facts.windows.get(span, Window())) for span in (burn.fast, burn.slow))
    if calls < burn.calls:
        return Finding(name, Outcome.PROMOTE, f"{name}: {calls} calls in {burn.fast:g} s are too few to say anything")
    limit = min(burn.share * burn.burn, 1.0)
    over = bad >= limit * calls and slow_bad >= limit * slow_calls
    told = f"{name}: {bad:,} of {calls:,} {what} in {burn.fast:g} s, {slow_bad:,} of {slow_calls:,} in {burn.slow:g} s"
    outcome = Outcome.ROLL_BACK if over else Outcome.PROMOTE
    return Finding(name, outcome, f"{told}, {'over' if over else 'within'} {limit:.3g}", bad / calls, limit)


def interval(proof: Proof, error: float) -> tuple[float, float]:
    """Between which rates the truth lies, with keys taken as independent, however often somebody looks."""
    return sequence(proof.total, proof.above.taken, error)
