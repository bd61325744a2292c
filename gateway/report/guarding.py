"""What a route's guard and plan say, as plain data."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from gateway.cutover import Caps
from gateway.guard import interval
from gateway.judgement import Finding
from gateway.lookout import Seen, standing
from gateway.plan import Plan, Position, advance, schedule
from gateway.store import plans
from gateway.store.replicas import now as clock
from gateway.table import Bound


def guarded(bound: Bound, seen: Seen) -> dict[str, Any]:
    """What the guard says, and why, of each of its conditions. Intervals hold at any look, of keys as independent."""
    state, judgement = seen.state, seen.judgement
    return {
        "route": bound.route,
        "model": bound.tag,
        "epoch": seen.epoch.id if seen.epoch else None,
        "since": seen.epoch.started if seen.epoch else None,
        "outcome": str(judgement.outcome),
        "reason": seen.reason,
        "keys": seen.keys,
        "more_keys": judgement.keys,
        "more_days": judgement.days,
        "confidence": bound.settings.guard.confidence if bound.settings.guard else None,
        "day_to_day": state.memory.day_to_day if state else None,
        "conditions": [_condition(one, seen) for one in judgement.findings],
    }


def _condition(one: Finding, seen: Seen) -> dict[str, Any]:
    proof = seen.state.memory.proofs.get(one.condition) if seen.state else None
    low, high = interval(proof, 0.05) if proof else (None, None)
    return {
        "condition": one.condition, "outcome": str(one.outcome), "reason": one.reason, "rate": one.rate,
        "limit": one.limit, "low": low, "high": high, "keys": one.seen, "more_keys": one.keys, "more_days": one.days,
    }  # fmt: skip


def planned(engine: Engine, bound: Bound, steps: Plan, allowed: Caps, seen: Seen, ahead: bool) -> dict[str, Any]:
    """Where the route is on its plan and what the next step waits for; `ahead`: when each may be reached at the
    earliest. Raises StoreDown."""
    was, now = plans.progress(engine).get(bound.route), clock(engine)
    at, missing = Position(), ["no gateway with this plan has looked yet"]
    if was is not None:
        at, situation = standing(steps, was, bound, allowed, seen, now)
        missing = list(advance(steps, at, situation)[1])
    level = bound.level(allowed)
    return {
        "route": bound.route, "step": at.step, "steps": len(steps.steps), "percent": at.percent(steps),
        "in_force": level._asdict() | {"stage": str(level.stage)},
        "spent": at.spent, "approved_by": was.approved_by if was else "", "waits": missing,
        "rows": list(_rows(steps, at, now, ahead)),
    }  # fmt: skip


def _rows(steps: Plan, at: Position, now: datetime, ahead: bool) -> Iterator[dict[str, Any]]:
    earliest = dict(schedule(steps, at, now.astimezone(UTC))) if ahead else {}
    for number, step in enumerate(steps.steps):
        where = "passed" if number < at.step else "in force" if number == at.step else "to come"
        yield {
            "step": number + 1, "percent": step.percent, "for": step.for_, "guard": step.require.guard,
            "keys": step.require.keys, "gate": step.gate, "where": where, "earliest": earliest.get(number),
        }  # fmt: skip
    if ahead:
        yield {"step": None, "percent": None, "where": "as configured", "earliest": earliest.get(len(steps.steps))}
