"""How a route goes up its plan, and what keeps it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.judgement import Outcome
from gateway.plan import WAIVABLE, Plan, Position, Situation, advance, back, moved, schedule

DAY = 86400.0
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STEPS = [
    {"percent": 1, "for": "2d"},
    {"percent": 10, "for": "3d", "require": {"keys": 500}},
    {"percent": 50, "gate": "manual"},
]


def plan(**settings: Any) -> Plan:
    return Plan.model_validate({"steps": STEPS} | settings)


def now(**changes: Any) -> Situation:
    usual: dict[str, Any] = {"now": NOON, "percent": Decimal(100), "guard": Outcome.PROMOTE, "keys": 1000}
    return Situation(**(usual | changes))


def test_the_way_up_is_one_step_at_a_time() -> None:
    steps, at = plan(), Position()
    assert at.percent(steps) == 0
    at, missing = advance(steps, at, now())
    assert (at, list(missing)) == (Position(0), []) and at.percent(steps) == 1
    for spent, percent in ((2 * DAY, 10), (3 * DAY, 50)):
        at, _ = advance(steps, Position(at.step, spent), now())
        assert at.percent(steps) == percent
    at, _ = advance(steps, Position(at.step, 0.0, approved=True), now())
    assert at.percent(steps) is None, "after the last step the plan limits nothing"
    assert advance(steps, at, now()) == (at, ["the plan is done"])


@pytest.mark.parametrize(
    ("waived", "lacking"),
    [("plan time", {"spent": 0.0}), ("plan keys", {"keys": 0}), ("plan guard", {"guard": Outcome.HOLD}),
     ("plan hours", {"now": NOON.replace(hour=22)})],
)  # fmt: skip
def test_a_waived_requirement_keeps_nobody_back(waived: str, lacking: dict[str, Any]) -> None:
    steps, spent = plan(hours="09:00-16:00"), lacking.get("spent", 3 * DAY)
    situation = {name: value for name, value in lacking.items() if name != "spent"}
    for others, step in (((), 1), (("plan approval",), 1), ((waived,), 2)):
        at, _ = advance(steps, Position(1, spent), now(**situation, waived=others))
        assert at.step == step


def test_what_others_have_to_say_is_not_waived() -> None:
    for at, situation in ((Position(2), {}), (Position(1, 9 * DAY), {"held": "complaints"})):
        then, missing = advance(plan(), at, now(**situation, waived=WAIVABLE))
        assert (then, len(missing)) == (at, 1)


@pytest.mark.parametrize(
    ("step", "at", "situation", "missing"),
    [
        (0, {"spent": 1.5 * DAY}, {}, "in force for 36.0 hours of 2.0 days"),
        (1, {"spent": 9 * DAY}, {"keys": 30}, "30 of 500 keys were compared"),
        (1, {"spent": 9 * DAY}, {"guard": Outcome.UNDECIDED, "reason": "few"}, "the guard says undecided: few"),
        (2, {}, {}, "nobody has approved it; `understudy approve` does"),
        (1, {"spent": 9 * DAY}, {"held": "complaints"}, "held: complaints"),
        (1, {"spent": 9 * DAY}, {"percent": Decimal(5)},
         "5 % are in force by the configuration, and the step is about 10 %"),
        (-1, {}, {"percent": Decimal(0)}, "the configuration, a ceiling or the model keeps the route in shadow"),
    ],
)  # fmt: skip
def test_what_is_missing_keeps_it_and_is_said(
    step: int, at: dict[str, Any], situation: dict[str, Any], missing: str
) -> None:
    position = Position(step, **at)
    assert advance(plan(), position, now(**situation)) == (position, [missing])


def test_a_step_may_be_content_with_undecided_but_not_with_hold() -> None:
    steps = plan(steps=[{"percent": 1, "require": {"guard": "undecided"}}, {"percent": 5}])
    assert advance(steps, Position(0), now(guard=Outcome.UNDECIDED))[0] == Position(1)
    assert advance(steps, Position(0), now(guard=Outcome.HOLD))[0] == Position(0)
    assert advance(steps, Position(0), now(guard=None))[0] == Position(1), "a route without guard has nothing to say"


def test_nothing_goes_up_outside_of_working_hours() -> None:
    steps = plan(zone="Europe/Vienna", hours="09:00-16:00", days=["mon", "tue"])
    late = NOON + timedelta(hours=6)
    assert advance(steps, Position(), now(now=late)) == (
        Position(), ["outside of working hours; they begin 2026-03-03 08:00 UTC"],
    )  # fmt: skip


def test_after_a_hold_it_goes_on_at_the_last_step_that_was_passed() -> None:
    assert [back(Position(step)).step for step in (-1, 0, 1, 2, 3)] == [-1, 0, 0, 1, 2]
    assert back(Position(2, 9 * DAY, approved=True)) == Position(1), "with nothing spent and nothing approved"


def test_a_plan_that_is_changed_moves_nobody_up() -> None:
    other = plan(steps=[{"percent": 2}, {"percent": 20}, {"percent": 60}])
    assert [moved(other, Decimal(percent)).step for percent in (0, 1, 2, 10, 20, 50, 100)] == [-1, -1, 0, 0, 1, 1, 2]


def test_the_schedule_tells_when_each_step_is_reached_at_the_earliest() -> None:
    steps = plan(hours="09:00-16:00", days=["mon", "wed", "fri"])
    reached = [(step, moment and moment.isoformat()[:16]) for step, moment in schedule(steps, Position(), NOON)]
    assert reached == [
        (0, "2026-03-02T12:00"), (1, "2026-03-04T12:00"), (2, "2026-03-09T09:00"), (3, "2026-03-09T09:00"),
    ]  # fmt: skip
    half = [moment for _, moment in schedule(steps, Position(0, 1 * DAY), NOON)]
    assert half[0] == datetime(2026, 3, 4, 9, tzinfo=UTC)


@pytest.mark.parametrize("percents", [[10, 5], [10, 10], [0, 10], []])
def test_steps_rise(percents: list[int]) -> None:
    with pytest.raises(ValidationError):
        plan(steps=[{"percent": percent} for percent in percents])
