"""A build's demand is read strictly, and what is not known fulfils none."""

import pytest

from gateway.contract import ConfigError
from gateway.requirement import requirement, value_of


@pytest.mark.parametrize(
    ("text", "value", "met"),
    [
        ("agreement >= 0.98", 0.98, True),
        ("agreement>=98 %", 0.9799, False),
        ("agreement > 0.98", 0.98, False),
        ("failed <= 1%", 0.01, True),
        ("failed < 0.01", 0.01, False),
        ("segment:age: below 25 >= 0.5", 0.6, True),
        ("cost <= 1200", None, False),
    ],
)
def test_a_value_meets_a_requirement_or_not(text: str, value: float | None, met: bool) -> None:
    wanted = requirement(text)
    assert wanted.met(value_of(wanted, {wanted.name: value})) is met


@pytest.mark.parametrize("text", ["", "agreement", "agreement = 1", "agreement >= high", ">= 1", "agreement >= -1"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a name"):
        requirement(text)


def test_a_name_that_nothing_has_is_an_error_and_a_part_that_never_came_is_not_known() -> None:
    with pytest.raises(ConfigError, match="did you mean 'agreement'"):
        value_of(requirement("agrement >= 1"), {"agreement": 1.0})
    assert value_of(requirement("field:score >= 1"), {"agreement": 1.0}) is None
