"""A model in this process keeps the contract of every other model."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.contract import BadPrediction, ConfigError, ModelTimeout, ModelUnavailable, Prediction, Row, RowError
from gateway.schema import check
from models.local import InProcess, Local, LocalSettings


class Fixed:
    """Gives the predictions it was made with, or raises."""

    tag = "fixed:1"
    schema: Mapping[str, Any] = {"inputs": {}, "outputs": {}}

    def __init__(self, answer: Sequence[Prediction | RowError] | Exception) -> None:
        self._answer = answer

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction | RowError]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def test_the_constant_model_answers_every_row_within_its_own_schema() -> None:
    kind = Local("constant", LocalSettings(call="models.local:constant"), Path())
    model = asyncio.run(kind.connect(""))
    predictions = asyncio.run(model.predict([{}, {"anything": 1}], 1.0))
    assert predictions == [{"probability_bad": 0.25, "reasons": []}] * 2
    assert kind.child("") is None
    assert kind.tag == model.tag == "constant:1"
    for prediction in predictions:
        assert isinstance(prediction, dict)
        check(prediction, model.schema["outputs"])
    asyncio.run(model.close())


@pytest.mark.parametrize(
    ("answer", "rows", "timeout", "error"),
    [
        (ZeroDivisionError("no"), 1, 1.0, ModelUnavailable),
        ([], 1, 1.0, BadPrediction),
        ([{}, {}], 1, math.inf, BadPrediction),
        ([{}], 1, 0.0, ModelTimeout),
    ],
)
def test_what_goes_wrong_is_one_of_the_contracts_errors(
    answer: Any, rows: int, timeout: float, error: type[Exception]
) -> None:
    with pytest.raises(error):
        asyncio.run(InProcess(Fixed(answer)).predict([{}] * rows, timeout))


def test_row_errors_are_passed_on() -> None:
    answer: list[Prediction | RowError] = [RowError("bad"), {"p": 1}]
    assert asyncio.run(InProcess(Fixed(answer)).predict([{}, {}], 1.0)) == answer


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("no_such_module:model", "cannot be loaded"),
        ("models.local:no_such_function", "cannot be loaded"),
        ("models.local:__name__", "is not a function"),
    ],
)
def test_a_factory_that_cannot_be_found_is_an_error_that_names_it(call: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"model mine: {call} {reason}"):
        Local("mine", LocalSettings(call=call), Path())


def test_a_call_must_name_module_and_function() -> None:
    with pytest.raises(ValidationError):
        LocalSettings(call="models.local")
