"""gateway.schema: no prediction outside its schema passes, and a mapping that does not fit is told what to change."""

import math
from typing import Any

import pytest

from gateway.contract import BadPrediction
from gateway.schema import check, problems
from models.credit.preprocess import INPUTS
from models.credit.scorer import OUTPUTS

GOOD: dict[str, Any] = {"probability_bad": 0.25, "reasons": ["age", "purpose"]}


@pytest.mark.parametrize("change", [{}, {"probability_bad": 0}, {"probability_bad": 1.0}, {"reasons": []}, {"more": 1}])
def test_a_prediction_within_the_schema_passes(change: dict[str, Any]) -> None:
    check(GOOD | change, OUTPUTS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability_bad": math.nan}, "probability_bad: nan is not finite"),
        ({"probability_bad": math.inf}, "probability_bad: inf is not finite"),
        ({"probability_bad": 1.0001}, r"probability_bad: 1.0001 is outside 0.0 to 1.0"),
        ({"probability_bad": -0.1}, "probability_bad: -0.1 is outside"),
        ({"probability_bad": "0.5"}, "probability_bad: expected number, found '0.5'"),
        ({"probability_bad": True}, "probability_bad: expected number, found True"),
        ({"probability_bad": None}, "probability_bad: the model gave no value"),
        ({"reasons": "age"}, "reasons: expected list, found 'age'"),
        ({"reasons": ["age", 7]}, r"reasons\[1\]: expected text, found 7"),
        ({"reasons": ["sex"]}, r"reasons\[0\]: 'sex' is not a known class"),
    ],
)
def test_a_prediction_outside_the_schema_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadPrediction, match=f"^{message}"):
        check(GOOD | change, OUTPUTS)


def test_a_missing_output_is_refused_unless_it_is_optional() -> None:
    with pytest.raises(BadPrediction, match="reasons: the model gave no value"):
        check({"probability_bad": 0.5}, OUTPUTS)
    check({}, {"reasons": {"type": "list", "items": {"type": "text"}, "optional": True}})


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ({"type": "integer", "minimum": 1}, 1, 1.5),
        pytest.param({"type": "integer", "minimum": 1}, 10**400, 0, id="beyond floats"),
        ({"type": "boolean"}, False, 0),
        ({"type": "text", "values": ["a"]}, "a", "b"),
        ({"type": "number"}, -1e300, "1"),
    ],
)
def test_every_type_has_values_that_pass_and_values_that_do_not(rule: Any, good: Any, bad: Any) -> None:
    check({"x": good}, {"x": rule})
    with pytest.raises(BadPrediction, match=r"^x: "):
        check({"x": bad}, {"x": rule})


def test_features_that_fit_have_no_problems() -> None:
    assert problems(INPUTS, {"inputs": INPUTS}) == []
    assert problems(["anything"], {"inputs": {}}) == []
    assert problems([], {"inputs": {"age": {"type": "integer", "optional": True}}}) == []


def test_a_feature_that_does_not_fit_is_named_with_the_nearest_that_does() -> None:
    features = [name for name in INPUTS if name != "housing"] + ["house"]
    assert problems(features, {"inputs": INPUTS}) == [
        "the model has no feature 'house'; did you mean 'housing'?",
        "the model needs feature 'housing'",
    ]
