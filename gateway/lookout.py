"""Looks at every route now and then: has its guard judge, holds it where that is due, and moves its plan.

Every replica looks. Whatever a look changes in the store it changes only where nobody else was faster, so that any
number of replicas do what one would."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from sqlalchemy import Engine

from gateway.config import Route
from gateway.contract import Stage
from gateway.cutover import Caps
from gateway.drifting import Drifts
from gateway.guard import ASSUMED, Facts, Memory, Window, judge, spans, take
from gateway.judgement import Judgement, Outcome
from gateway.limits import Guard
from gateway.plan import Plan, Position, Situation, advance, moved
from gateway.store import epochs, evidence, guards, plans, queries
from gateway.store.caps import caps
from gateway.store.epochs import Begun
from gateway.store.guards import State
from gateway.store.histogram import Histogram
from gateway.store.replicas import now
from gateway.store.sums import Rollup
from gateway.store.waivers import waivers
from gateway.table import Bound, Table
from gateway.telemetry import Meters

log = structlog.get_logger()

PAGE, PAGES = 10_000, 5
"""Keys read at once, and how often in one look."""
GAP = 60.0
"""Seconds between two looks that count as time in force, at most: a clock that jumps, or a gateway that was down,
lets nobody up."""


@dataclass(slots=True, frozen=True)
class Seen:
    """One look at a route's guard."""

    judgement: Judgement
    state: State | None = None
    """As it was before, but for what was taken in."""
    epoch: Begun | None = None
    first: bool = False
    """It says something new, and no other replica has said it before."""
    waived: Mapping[str, str] = field(default_factory=dict)
    """By condition of guard or plan: who answers for it, until when and why."""

    @property
    def reason(self) -> str:
        """Of what the guard says, in a sentence."""
        return self.judgement.reason if self.epoch else "nothing was compared in this step yet"

    @property
    def keys(self) -> int:
        """Business keys compared in the epoch."""
        return self.state.memory.keys if self.state else 0


class Lookout:
    """The looks of one replica. Not thread-safe: one thread at a time."""

    def __init__(self, engine: Engine, meters: Meters) -> None:
        """Opens no connection."""
        self._engine = engine
        self._meters = meters
        self._drifts = Drifts(engine)

    def look(self, table: Table) -> None:
        """One look at every route. Raises StoreDown, and then what was written stands and the rest comes later."""
        allowed = caps(self._engine)
        progress = plans.progress(self._engine)
        for bound in leading(table):
            if bound.settings.guard or bound.settings.plan:
                seen = observe(self._engine, bound, allowed, self._drifts, kept=True)
                if bound.settings.guard and seen.epoch and seen.judgement.outcome is Outcome.ROLL_BACK:
                    self._trip(bound, allowed, seen.epoch, seen)
                if bound.settings.plan:
                    self._move(bound, bound.settings.plan, allowed, seen, progress.get(bound.route))

    def _trip(self, bound: Bound, allowed: Caps, begun: Begun, seen: Seen) -> None:
        """Holds the route, unless nothing is to be taken back: in shadow, and where nobody else could answer."""
        if bound.level(allowed).stage <= Stage.SHADOW:
            return
        held = bound.incumbent is not None
        if guards.trip(self._engine, bound.route, begun.id, seen.judgement.reason) if held else seen.first:
            log.error("guard_tripped", route=bound.route, reason=seen.judgement.reason, held=held)
            self._meters.alarmed(bound.route)

    def _move(
        self, bound: Bound, plan: Plan, allowed: Caps, seen: Seen, was: plans.Progress | None
    ) -> None:  # fmt: skip
        route = bound.route
        if was is None:
            plans.begin(self._engine, route, plan.percents)
            return
        at, situation = standing(plan, was, bound, allowed, seen, now(self._engine))
        then, missing = advance(plan, at, situation)
        waits, percent = "; ".join(missing), then.percent(plan)
        if plans.move(self._engine, route, was, plan.percents, then, percent, waits) and then.step != was.position.step:
            log.info("plan_moved", route=route, step=then.step, percent=None if percent is None else str(percent))


def standing(
    plan: Plan, was: plans.Progress, bound: Bound, allowed: Caps, seen: Seen, now: datetime
) -> tuple[Position, Situation]:
    """Where a route is on its plan at this moment, and what that depends on."""
    at = was.position
    if was.percents != plan.percents:
        at = moved(plan, Decimal(100) if was.percent is None else was.percent)
    percent, held = bound.unplanned().percent, allowed.reason(bound.route) or ""
    planned = at.percent(plan)
    if planned and percent >= planned and not held:
        passed = (now - was.looked).total_seconds()
        at = Position(at.step, at.spent + min(max(passed, 0.0), GAP), at.approved)
    guard = seen.judgement.outcome if bound.settings.guard else None
    return at, Situation(now, percent, held, guard, seen.reason, seen.keys, seen.waived)


def leading(table: Table) -> Sequence[Bound]:
    """Of each route with a candidate the source that goes furthest."""
    found: dict[str, Bound] = {}
    for bound in table.bound.values():
        known = found.get(bound.route)
        if bound.candidate and bound.ceiling > Stage.OFF and (known is None or bound.ceiling > known.ceiling):
            found[bound.route] = bound
    return list(found.values())


def observe(engine: Engine, bound: Bound, allowed: Caps, drifts: Drifts, *, kept: bool) -> Seen:
    """What the guard of a route says now. `kept`: what was taken in is remembered for the next look."""
    waived = {one.condition: one.told for one in waivers(engine, bound.route)}
    begun = epochs.current(engine, bound.route, bound.tag, bound.digest, bound.step(allowed))
    if begun is None:
        return Seen(Judgement(), waived=waived)
    guard, most = bound.settings.guard or Guard(), most_of(bound.settings)
    ledger = queries.ledger(engine, bound.route)
    state = _recalled(engine, bound.route, guard, begun, ledger)
    known = state.arrival
    for _ in range(PAGES):
        units = evidence.units(engine, begun.id, state.arrival, PAGE)
        take(guard, state.memory, units, most)
        state.arrival = units[-1].arrival if units else state.arrival
        if len(units) < PAGE:
            break
    day = begun.now - timedelta(days=1)
    shared = guards.decisions(engine, bound.route, begun.id, day) if guard.decisions else {}
    windows = _windows(engine, bound.route, guard, begun)
    drift = drifts.of(bound, begun.id) if guard.drift is not None else {}
    facts = Facts(begun.now - begun.started, _since(ledger, state.ledger), windows, shared, drift, waived)
    judgement = judge(guard, state.memory, facts, most)
    news = (str(judgement.outcome), judgement.reason) != (state.said, state.reason)
    first = kept and (news or state.arrival > known) and guards.keep(engine, state, judgement)
    return Seen(judgement, state, begun, first and str(judgement.outcome) != state.said, waived)


def most_of(settings: Route) -> float:
    """What a record of the route costs at most, where that is bounded."""
    cost = settings.cost
    return float(cost.at_most) if cost and cost.at_most is not None else 1.0


def _recalled(engine: Engine, route: str, guard: Guard, begun: Begun, ledger: Mapping[str, int]) -> State:
    """What is remembered of the epoch; from its beginning where nothing is, or where the guard has changed."""
    digest = hashlib.sha256(guard.model_dump_json().encode()).hexdigest()[:12]
    state = guards.recall(engine, begun.id)
    if state is not None and state.digest == digest:
        return state
    memory = Memory(_day_to_day(engine, route, guard, begun.id))
    if state is None:
        return State(begun.id, digest, memory, ledger=dict(ledger if begun.ledger is None else begun.ledger))
    return State(begun.id, digest, memory, looks=state.looks, ledger=state.ledger)


def _day_to_day(engine: Engine, route: str, guard: Guard, number: int) -> float:
    if guard.day_to_day is not None:
        return guard.day_to_day
    found = guards.variation_before(engine, route, number)
    return ASSUMED if found is None else found


def _since(now: Mapping[str, int], then: Mapping[str, int]) -> Mapping[str, int]:
    return {term: count - then.get(term, 0) for term, count in now.items()}


def _windows(engine: Engine, route: str, guard: Guard, begun: Begun) -> Mapping[float, Window]:
    """What the last minutes were like, whole minutes only: the one that runs is part of the first."""
    found: dict[float, Window] = {}
    lengths = spans(guard)
    if not lengths:
        return found
    longest = begun.now - timedelta(seconds=max(lengths))
    rows = guards.minutes(engine, route, begun.id, longest.replace(second=0, microsecond=0))
    slow = guard.latency.above * 1000 if guard.latency else 0.0
    for length in lengths:
        since = (begun.now - timedelta(seconds=length)).replace(second=0, microsecond=0)
        found[length] = _window([sums for minute, sums in rows if minute >= since], slow)
    return found


def _window(sums: Sequence[Rollup], slow: float) -> Window:
    served = Histogram()
    for one in sums:
        served.merge(one.latency.get("served", Histogram()))
    calls, failed = sum(one.calls for one in sums), sum(one.errors for one in sums)
    return Window(calls, failed, served.count, served.above(slow))
