"""Records become the same numbers as by scikit-learn's own encoders, and a bad value is named."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from models.credit.data import Application, load
from models.credit.preprocess import INPUTS, ONE_HOT, BadRecord, Preprocessor

ROW = dict(load()[0].row)
PREPROCESSOR = Preprocessor()


def test_every_field_is_encoded_as_scikit_learn_encodes_it(applications: list[Application]) -> None:
    matrix = PREPROCESSOR.matrix([each.row for each in applications])
    for name, rule in INPUTS.items():
        column = np.array([[each.row[name]] for each in applications], dtype=object)
        if "values" not in rule:
            expected = column.astype(np.float64)
        else:
            kind = OneHotEncoder if name in ONE_HOT else OrdinalEncoder
            encoded = kind(categories=[rule["values"]]).fit_transform(column)
            expected = encoded.toarray() if name in ONE_HOT else encoded
        mine = matrix[:, [at for at, owner in enumerate(PREPROCESSOR.columns) if owner == name]]
        np.testing.assert_array_equal(mine, expected, err_msg=name)


def test_the_order_of_a_records_keys_does_not_matter() -> None:
    assert PREPROCESSOR.vector(dict(reversed(ROW.items()))) == PREPROCESSOR.vector(ROW)


def test_no_records_are_an_empty_matrix() -> None:
    assert PREPROCESSOR.matrix([]).shape == (0, len(PREPROCESSOR.columns))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"purpose": "A99"}, "purpose: unknown code 'A99'; known are A40, A41"),
        ({"purpose": None}, "purpose: expected a code, found NoneType"),
        ({"purpose": ["A40"]}, "purpose: expected a code, found list"),
        ({"housing": 152}, "housing: expected a code, found int"),
        ({"age": "42"}, "age: expected a number, found str"),
        ({"age": None}, "age: expected a number, found NoneType"),
        ({"age": True}, "age: expected a number, found bool"),
        ({"age": 17}, "age: not between 18 and 120"),
        ({"age": 10**5000}, "age: not between 18 and 120"),
        ({"age": 40.5}, "age: expected a whole number, found 40.5"),
        ({"credit_amount": float("nan")}, "credit_amount: not between 1 and 10000000"),
        ({"credit_amount": float("inf")}, "credit_amount: not between 1 and 10000000"),
        ({"colour": "red"}, "colour: not a feature of this model"),
    ],
)
def test_a_bad_value_is_an_error_that_names_the_field(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRecord) as caught:
        PREPROCESSOR.vector(ROW | change)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("name", INPUTS)
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(BadRecord, match=f"^{name}: missing$"):
        PREPROCESSOR.vector({key: value for key, value in ROW.items() if key != name})


def test_something_that_is_no_record_is_refused() -> None:
    with pytest.raises(BadRecord, match="expected an object"):
        PREPROCESSOR.vector(["A11"])  # type: ignore[arg-type]  # JSON may hold anything


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


@given(name=st.sampled_from(list(INPUTS)), value=JSON)
def test_any_json_value_is_encoded_finitely_or_refused_by_its_name(name: str, value: object) -> None:
    try:
        vector = PREPROCESSOR.vector(ROW | {name: value})
    except BadRecord as error:
        assert str(error).startswith(f"{name}: ")
    else:
        assert np.isfinite(vector).all()


@given(name=st.sampled_from(list(INPUTS)), value=JSON, at=st.integers(0, 15))
def test_many_records_are_encoded_and_refused_as_each_is_alone(name: str, value: object, at: int) -> None:
    rows = [dict(each.row) for each in load()[:16]]
    rows[at][name] = value  # type: ignore[assignment]  # JSON may hold anything
    try:
        expected = np.array([PREPROCESSOR.vector(row) for row in rows])
    except BadRecord as error:
        with pytest.raises(BadRecord) as caught:
            PREPROCESSOR.matrix(rows)
        assert str(caught.value) == str(error)
    else:
        np.testing.assert_array_equal(PREPROCESSOR.matrix(rows), expected)


@pytest.mark.parametrize("odd", [ROW | {"colour": "red"}, {}, ["A11"], "A11", 7, None])
def test_what_is_no_record_of_this_model_is_refused_among_many(odd: Any) -> None:
    with pytest.raises(BadRecord):
        PREPROCESSOR.matrix([*[ROW] * 15, odd])
