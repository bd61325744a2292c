"""Fields are read in one pass as each would be by itself, and only values that a way leaves alone go past it."""

from collections import OrderedDict
from datetime import date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import Unmappable
from gateway.fields import Field, Fields
from gateway.rules import Rule
from gateway.transform import forward, getter, passing, path

PATHS = [path(one) for one in ("A", "A.B", "A.B.C", "A.@x", "L[0]", "L[1].B", "L[0].B.C", "L[2][0]", "A.L[1]", "#text")]
SOURCES = st.recursive(
    st.one_of(st.none(), st.integers(0, 3), st.sampled_from(["", "x"])),
    lambda below: st.one_of(
        st.dictionaries(st.sampled_from(["A", "B", "C", "L", "@x", "#text"]), below, max_size=4),
        st.lists(below, max_size=3),
    ),
    max_leaves=12,
)


def same(value: Any) -> Any:
    return value


@given(st.dictionaries(st.sampled_from(["A", "L", "B", "#text"]), SOURCES, max_size=4))
def test_a_value_is_found_as_if_its_path_were_the_only_one(source: dict[str, Any]) -> None:
    found = Fields([Field(str(at), where, same, True) for at, where in enumerate(PATHS)]).read(source)
    expected = {str(at): getter(where)(source) for at, where in enumerate(PATHS)}
    assert found == {name: value for name, value in expected.items() if value is not None}


def test_a_source_may_be_any_mapping() -> None:
    assert Fields([Field("a", ("A", "B"), same, False)]).read(OrderedDict(A=OrderedDict(B=1))) == {"a": 1}


@pytest.mark.parametrize(("source", "sentence"), [({}, "[3].a: is missing"), ({"A": -1}, "[3].a: is negative")])
def test_what_cannot_be_read_is_named_with_its_record(source: dict[str, int], sentence: str) -> None:
    def positive(value: int | None) -> int | None:
        if value is not None and value < 0:
            raise ValueError("is negative")
        return value

    with pytest.raises(Unmappable) as caught:
        Fields([Field("a", ("A",), positive, False)]).read(source, "[3].")
    assert str(caught.value) == sentence


RULES = [
    {"type": "text"}, {"type": "integer"}, {"type": "boolean"}, {"type": "date", "format": "%d.%m.%Y"},
    {"type": "datetime"}, {"type": "time"}, {"type": "decimal"}, {"type": "float"}, {},
    {"type": "text", "trim": True}, {"type": "text", "many": True}, {"type": "text", "default": "x"},
    {"type": "integer", "scale": 2}, {"type": "text", "upper": True}, {"type": "text", "codes": {"x": "y"}},
    {"type": "integer", "bands": [{"value": 1}]}, {"type": "text", "limit": 2},
]  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=3),
    st.integers(-5, 5),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.floats(),
    st.decimals(),
)


@given(st.sampled_from(RULES), st.sampled_from([None, *RULES[:8]]), VALUES)
def test_a_value_that_goes_past_its_way_would_come_out_as_it_is(
    first: dict[str, Any], then: dict[str, Any] | None, value: Any
) -> None:
    rules = [Rule.model_validate(one) for one in (first, then) if one is not None]
    if passing(*rules) is value.__class__:
        assert forward(*rules)(value) == value


def test_most_values_go_past_their_way() -> None:
    kinds = {"text": str, "integer": int, "boolean": bool, "date": date, "datetime": datetime, "time": time}
    assert {kind: passing(Rule(), Rule.model_validate({"type": kind})) for kind in kinds} == kinds
    assert [passing(Rule.model_validate(one)) for one in RULES[6:]] == [None] * len(RULES[6:])
