"""Progress on plans, by any number of replicas."""

from decimal import Decimal

from sqlalchemy import Engine

from gateway.plan import Position
from gateway.store import plans
from gateway.store.caps import caps
from gateway.store.holds import hold, resume
from gateway.store.model import ALL
from gateway.store.plans import Progress

ROUTE, PERCENTS = "loan", "1 10 50"


def begun(engine: Engine) -> Progress:
    plans.begin(engine, ROUTE, PERCENTS)
    return plans.progress(engine)[ROUTE]


def to(engine: Engine, step: int, percent: str | None, spent: float = 0.0) -> bool:
    was = plans.progress(engine)[ROUTE]
    allowed = None if percent is None else Decimal(percent)
    return plans.move(engine, ROUTE, was, PERCENTS, Position(step, spent), allowed, "")


def reached(engine: Engine) -> tuple[int, str]:
    found = plans.progress(engine)[ROUTE]
    return found.position.step, str(found.percent)


def test_a_plan_begins_in_shadow_and_its_progress_is_in_the_caps(engine: Engine) -> None:
    assert plans.begin(engine, ROUTE, PERCENTS) and not plans.begin(engine, ROUTE, PERCENTS)
    assert caps(engine).planned(ROUTE) == 0
    assert to(engine, 0, "1") and caps(engine).planned(ROUTE) == 1
    assert to(engine, 3, None) and caps(engine).planned(ROUTE) is None
    assert caps(engine).planned("another") == 0, "a route whose progress is not known is kept in shadow"


def test_of_two_that_move_a_plan_one_does(engine: Engine) -> None:
    was = begun(engine)
    for expected in (True, False):
        assert plans.move(engine, ROUTE, was, PERCENTS, Position(0), Decimal(1), "") is expected
    assert reached(engine) == (0, "1")


def test_nothing_goes_up_past_a_hold(engine: Engine) -> None:
    begun(engine)
    for scope in (ROUTE, ALL):
        hold(engine, scope, "look at it", "ada")
        assert not to(engine, 0, "1")
        resume(engine, scope, "ada", "looked")
    assert to(engine, 0, "1")


def test_a_resume_puts_it_back_to_the_last_step_that_was_passed(engine: Engine) -> None:
    begun(engine)
    to(engine, 2, "50", 100.0)
    assert plans.approve(engine, ROUTE, 2, "ada", "fine")
    hold(engine, ROUTE, "complaints", "ada")
    assert reached(engine) == (2, "50"), "held it stands"
    resume(engine, ROUTE, "ada", "solved")
    found = plans.progress(engine)[ROUTE]
    assert (found.position, str(found.percent), found.approved_by) == (Position(1), "10", "")
    resume(engine, ROUTE, "ada", "again")
    assert reached(engine) == (1, "10"), "a resume that ends nothing moves nothing"


def test_what_moved_while_it_was_looked_at_is_not_overwritten(engine: Engine) -> None:
    begun(engine)
    to(engine, 2, "50")
    was = plans.progress(engine)[ROUTE]
    hold(engine, ALL, "complaints", "ada")
    resume(engine, ALL, "ada", "solved")
    assert not plans.move(engine, ROUTE, was, PERCENTS, Position(3), None, "")
    assert reached(engine) == (1, "10")


def test_an_approval_is_for_one_step(engine: Engine) -> None:
    begun(engine)
    to(engine, 1, "10")
    assert not plans.approve(engine, ROUTE, 0, "ada", "fine")
    assert plans.approve(engine, ROUTE, 1, "ada", "fine") and plans.progress(engine)[ROUTE].position.approved
    was = plans.progress(engine)[ROUTE]
    assert plans.move(engine, ROUTE, was, PERCENTS, Position(1, 5.0, True), Decimal(10), "time")
    assert plans.progress(engine)[ROUTE].position == Position(1, 5.0, True)
    to(engine, 2, "50")
    assert not plans.progress(engine)[ROUTE].position.approved
