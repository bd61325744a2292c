"""A route's way up in steps: which percentage is reached, and what is missing for the next. Pure.

The plan only ever lowers what the configuration says. It goes up one step at a time, in working hours, and after a hold
it goes on at the step before."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.hours import Hours, is_open, opening
from gateway.judgement import Outcome
from gateway.rules import Percent
from gateway.settings import Duration, Settings

WHOLE = Decimal(100)
TIME, KEYS, GUARD, HOURS = "plan time", "plan keys", "plan guard", "plan hours"
WAIVABLE = (TIME, KEYS, GUARD, HOURS)
"""What may be waived of a plan. An approval is given by who approves, and a hold is ended by who resumes."""


class Require(Settings):
    """What a step needs before it is passed, beside its time."""

    guard: Literal["promote", "undecided"] = "promote"
    """The guard has to say promote; or, with `undecided`, only that nothing speaks against it."""
    keys: int = Field(0, ge=0)
    """Business keys compared in this step."""


class Step(Settings):
    """One step of a plan."""

    percent: Percent
    for_: Annotated[Duration, Field(alias="for")] = 0.0
    """How long it is in force at least."""
    require: Require = Require()
    gate: Literal["manual"] | None = None
    """`manual`: somebody has to approve that it is passed."""


class Plan(Hours):
    """Steps from shadow to what the configuration says."""

    steps: list[Step] = Field(min_length=1)

    @model_validator(mode="after")
    def _rises(self) -> "Plan":
        if any(one.percent >= other.percent for one, other in pairwise(self.steps)) or not self.steps[0].percent:
            raise ValueError("each step has a higher percent than the one before, the first more than 0")
        return self

    @property
    def percents(self) -> str:
        """The percentages, as text: with others the position is found anew."""
        return " ".join(f"{step.percent:f}" for step in self.steps)


@dataclass(slots=True, frozen=True)
class Position:
    """Where a route is on its plan. `step` counts from 0; -1 before the first, the number of steps after the last."""

    step: int = -1
    spent: float = 0.0
    """Seconds that the step has been in force."""
    approved: bool = False

    def percent(self, plan: Plan) -> Decimal | None:
        """What the plan allows; None where it no longer limits anything."""
        if self.step < 0:
            return Decimal(0)
        return plan.steps[self.step].percent if self.step < len(plan.steps) else None


@dataclass(slots=True, frozen=True)
class Situation:
    """What a plan looks at."""

    now: datetime
    percent: Decimal
    """In force by everything else: the configuration, ceilings, the accepted model."""
    held: str = ""
    """Why the route is held, if it is."""
    guard: Outcome | None = None
    """None where the route has no guard."""
    reason: str = ""
    """The guard's."""
    keys: int = 0
    waived: Collection[str] = ()
    """The requirements of WAIVABLE that somebody answers for."""


def advance(plan: Plan, at: Position, now: Situation) -> tuple[Position, Sequence[str]]:
    """The position after this look, and what the next step waits for, a sentence each. One step up at most."""
    missing = [told for requirement, told in _missing(plan, at, now) if requirement not in now.waived]
    return (at if missing else Position(at.step + 1)), missing


def back(at: Position) -> Position:
    """The position after a hold: the last step that was passed, to be passed anew; the first where none was."""
    return Position(max(at.step - 1, min(at.step, 0)))


def moved(plan: Plan, percent: Decimal) -> Position:
    """The position on a plan that was changed while this percentage was allowed: nobody is moved up by that."""
    return Position(sum(step.percent <= percent for step in plan.steps) - 1)


def schedule(plan: Plan, at: Position, now: datetime) -> Iterator[tuple[int, datetime | None]]:
    """When each further step is reached at the earliest, if nothing but its time is missing; None: never."""
    moment: datetime | None = now
    for step in range(at.step + 1, len(plan.steps) + 1):
        if moment is not None and step > 0:
            spent = at.spent if step == at.step + 1 else 0.0
            moment += timedelta(seconds=max(plan.steps[step - 1].for_ - spent, 0.0))
        moment = opening(plan, moment) if moment is not None else None
        yield step, moment


def _missing(plan: Plan, at: Position, now: Situation) -> Iterator[tuple[str, str]]:
    """(the requirement, empty where it cannot be waived; what is told of it)"""
    if at.step >= len(plan.steps):
        yield "", "the plan is done"
        return
    if now.held:
        yield "", f"held: {now.held}"
    if at.step >= 0:
        yield from _unfinished(plan.steps[at.step], at, now)
    elif not now.percent:
        yield "", "the configuration, a ceiling or the model keeps the route in shadow"
    if not is_open(plan, now.now):
        then = opening(plan, now.now)
        yield (
            HOURS,
            (f"outside of working hours; they begin {then:%Y-%m-%d %H:%M} UTC" if then else "no working hour to come"),
        )


def _unfinished(step: Step, at: Position, now: Situation) -> Iterator[tuple[str, str]]:
    if now.percent < step.percent:
        yield "", f"{now.percent:f} % are in force by the configuration, and the step is about {step.percent:f} %"
    if at.spent < step.for_:
        yield TIME, f"in force for {_hours(at.spent)} of {_hours(step.for_)}"
    if now.keys < step.require.keys:
        yield KEYS, f"{now.keys:,} of {step.require.keys:,} keys were compared"
    if now.guard is not None and now.guard > Outcome[step.require.guard.upper()]:
        yield GUARD, f"the guard says {now.guard}: {now.reason}"
    if step.gate and not at.approved:
        yield "", "nobody has approved it; `understudy approve` does"


def _hours(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 2 * 86400 else f"{seconds / 86400:.1f} days"
