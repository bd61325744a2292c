"""Values keep their types in the store, and names from outside cannot break it."""

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.text import dumps, identity, loads

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None), max_size=20)
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.datetimes(timezones=st.sampled_from([UTC, None]))
    | st.times()
    | st.binary(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdef", max_size=5), inner),
    max_leaves=8,
)


@given(values)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    assert loads(dumps(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        Decimal("12.50"),
        Decimal("NaN"),
        date(2004, 2, 29),
        datetime(2004, 2, 29, 1, 2, 3, 4, UTC),
        time(1, 2),
        b"\0",
        2**70,
    ],
)
def test_a_value_keeps_its_type_and_every_digit(value: Any) -> None:
    assert repr(loads(dumps({"deep": [value]}))) == repr({"deep": [value]})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_know_is_not_lost(value: float) -> None:
    assert repr(loads(dumps({"a": None, "b": (value, 1)}))) == repr({"a": None, "b": [value, 1]})


@pytest.mark.parametrize("value", [object(), {1: "one"}])
def test_what_has_no_faithful_text_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        dumps(value)


def test_a_mapping_that_looks_like_a_tag_but_is_none_stays_a_mapping() -> None:
    assert loads('{"$date": "soon"}') == {"$date": "soon"}


def test_an_ordinary_call_id_is_kept_as_it_is() -> None:
    assert identity("LOAN-2004/0815 ä") == "LOAN-2004/0815 ä"


@pytest.mark.parametrize("call_id", ["x" * 5000, "a\0b", "\ud800", "line\nbreak"])
def test_a_call_id_that_a_database_could_refuse_becomes_its_hash(call_id: str) -> None:
    kept = identity(call_id)
    assert kept.startswith("sha256:")
    assert identity(kept) == kept
    assert identity(call_id + "!") != kept
