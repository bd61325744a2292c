"""Who was right: decisions against what became of the loans."""

import pytest

from gateway.examples.credit.applications import actual
from gateway.examples.credit.hindsight import Hindsight, hindsight
from models.credit.data import split

UNSEEN = split()[1]


def right(name: str) -> str:
    return "A" if actual()[name] == "good" else "R"


def wrong(name: str) -> str:
    return "R" if actual()[name] == "good" else "A"


def test_only_decisions_on_unseen_applications_count() -> None:
    everybody = {name: right(name) for name in actual()}
    assert hindsight(everybody, everybody) == Hindsight(both=500, legacy=0, model=0, neither=0, good=350)


def test_the_four_cases_are_told_apart() -> None:
    one, two, three, four, five = UNSEEN[:5]
    legacy = {one: right(one), two: right(two), three: wrong(three), four: wrong(four), five: "M"}
    model = {one: right(one), two: wrong(two), three: right(three), four: wrong(four), five: right(five)}
    found = hindsight(legacy, model)
    assert (found.both, found.legacy, found.model, found.neither, found.judged) == (1, 1, 1, 1, 4)


def test_mcnemar_is_the_published_formula() -> None:
    test = Hindsight(both=0, legacy=28, model=88, neither=0, good=0).mcnemar()
    assert test == pytest.approx((31.0345, 2.535e-8), rel=1e-3)
    assert Hindsight(both=0, legacy=10, model=20, neither=0, good=0).mcnemar() == pytest.approx(
        (10 / 3, 0.0679), rel=1e-3
    )


def test_without_a_difference_there_is_nothing_to_test() -> None:
    assert Hindsight(both=9, legacy=0, model=0, neither=1, good=7).mcnemar() is None
