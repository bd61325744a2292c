"""Who answers: cohorts that anybody can compute again, stages, holds."""

import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import By, Stage
from gateway.cutover import COHORTS, Caps, cohort, decide, in_cohort, in_force

VECTORS = [
    ("loan_decision", "1", 2188),
    ("loan_decision", "2", 9108),
    ("loan_decision", "1234", 8789),
    ("rating", "1234", 9961),
    ("loan_decision", "Müller", 3589),
    ("loan_decision", "😀", 5601),
    ("loan_decision", "x" * 1000, 4708),
]
KEYS = 100_000
CHI_SQUARE_999 = 149.4
"""What a chi-square of 99 degrees of freedom exceeds once in a thousand times."""

percents = st.decimals(0, 100, places=2)


@pytest.mark.parametrize(("route", "key", "expected"), VECTORS)
def test_the_published_vectors_hold(route: str, key: str, expected: int) -> None:
    assert cohort(route, key) == expected


def test_the_documentation_publishes_vectors_that_hold() -> None:
    text = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8")
    rows = [[cell.strip(" `") for cell in line.strip().strip("|").split("|")] for line in text.splitlines()]
    start = rows.index(["route", "key", "cohort"]) + 2
    published = [row for row in rows[start : start + 20] if len(row) == 3 and row[2].isdigit()]
    assert len(published) >= 4
    assert [cohort(route, key) for route, key, _ in published] == [int(number) for *_, number in published]


@given(st.text(), st.text())
def test_any_key_has_a_cohort(route: str, key: str) -> None:
    assert 0 <= cohort(route, key) < COHORTS == 10_000


def test_a_key_with_half_a_surrogate_pair_has_one_too() -> None:
    """JSON can bring such a key, and UTF-8 refuses it: three bytes it would be (WTF-8)."""
    assert cohort("loan_decision", "\ud800") == 7387


def test_cohorts_are_uniform() -> None:
    buckets = [0] * 100
    for key in range(KEYS):
        buckets[cohort("loan_decision", str(key)) // 100] += 1
    expected = KEYS / 100
    assert sum((count - expected) ** 2 / expected for count in buckets) < CHI_SQUARE_999


def test_routes_are_independent() -> None:
    """Whoever is early on one route is not early on the next: the share of both is the product of the shares."""
    keys = [str(number) for number in range(20_000)]
    both = sum(in_cohort("one", key, Decimal(50)) and in_cohort("two", key, Decimal(50)) for key in keys)
    assert abs(both - 5000) < 4 * (20_000 * 0.25 * 0.75) ** 0.5


@given(st.text(min_size=1), percents, percents)
def test_cohorts_are_nested(key: str, one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    assert in_cohort("r", key, high) or not in_cohort("r", key, low)


@pytest.mark.parametrize(
    ("percent", "expected"), [("0", 0), ("0.01", 1), ("12.5", 1250), ("99.99", 9999), ("100", 10_000)]
)
def test_a_step_is_one_cohort_of_ten_thousand(percent: str, expected: int) -> None:
    # The share is measured over cohorts, not keys: one key for each cohort there is.
    keys: dict[int, str] = {}
    random.seed(1)
    while len(keys) < COHORTS:
        key = str(random.getrandbits(60))
        keys.setdefault(cohort("r", key), key)
    assert sum(in_cohort("r", key, Decimal(percent)) for key in keys.values()) == expected


@given(st.sampled_from(Stage), st.lists(st.sampled_from(Stage)), st.booleans())
def test_the_stage_in_force_is_the_lowest_of_all(configured: Stage, ceilings: list[Stage], held: bool) -> None:
    stage = in_force(configured, ceilings, held)
    assert stage <= configured and all(stage <= ceiling for ceiling in ceilings)
    assert stage in (configured, *ceilings, Stage.SHADOW)
    assert not held or stage <= Stage.SHADOW, "a hold caps at shadow"
    assert held or stage in (configured, *ceilings), "and nothing else invents a stage"


@pytest.mark.parametrize(
    ("stage", "percent", "key", "expected"),
    [
        (Stage.OFF, "100", "1", (By.INCUMBENT, "off")),
        (Stage.SHADOW, "100", "1", (By.INCUMBENT, "shadow")),
        (Stage.CANARY, "100", None, (By.INCUMBENT, "no_key")),
        (Stage.CANARY, "100", "", (By.INCUMBENT, "no_key")),
        (Stage.CANARY, "0", "1", (By.INCUMBENT, "rest")),
        (Stage.CANARY, "21.88", "1", (By.INCUMBENT, "rest")),
        (Stage.CANARY, "21.89", "1", (By.CANDIDATE, "cohort")),
        (Stage.CANARY, "100", "1", (By.CANDIDATE, "cohort")),
        (Stage.LIVE, "0", "1", (By.CANDIDATE, "live")),
        (Stage.LIVE, "0", None, (By.CANDIDATE, "live")),
    ],
)
def test_who_answers(stage: Stage, percent: str, key: str | None, expected: tuple[By, str]) -> None:
    assert decide(stage, Decimal(percent), "loan_decision", key) == expected


def test_nothing_goes_above_shadow_before_the_holds_are_known() -> None:
    assert Caps().reason("r") == "the store has not been read yet"
    assert Caps(known=True).reason("r") is None


def test_a_route_is_held_by_its_own_hold_or_by_that_of_all() -> None:
    caps = Caps({"a": "complaints", "*": "audit"}, known=True)
    assert (caps.reason("a"), caps.reason("b")) == ("complaints", "audit")
    assert Caps({"a": "complaints"}, known=True).reason("b") is None
