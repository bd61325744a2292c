"""JSON: exact decimals both ways, bounded, and amended without touching another byte."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from adapters.formats import FormatChoice, Formats
from adapters.formats.bounds import DEPTH
from adapters.formats.config import JsonSettings
from adapters.formats.json import Json
from gateway.contract import Undecodable, Unencodable

_scalars = (
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False, places=3)
)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)
_objects = st.dictionaries(st.text(), _values, max_size=5)


def choice(value: Any) -> Formats:
    adapter: TypeAdapter[Any] = TypeAdapter(FormatChoice)
    return Formats(adapter.validate_python(value), Path())


@given(_objects)
def test_what_is_written_is_read_again(payload: Mapping[str, Any]) -> None:
    assert Json().read(Json().write(payload)) == payload


@given(st.lists(_objects, max_size=4))
def test_many_records_are_an_array(records: list[Any]) -> None:
    many = Json(JsonSettings(many=True))
    body = many.write({"records": [{"a": 1}, *records]})
    assert many.read(body) == {"records": [{"a": 1}, *records]}
    assert many.read(many.amend(body, {("records", 0, "a"): 2})) == {"records": [{"a": 2}, *records]}
    with pytest.raises(Unencodable, match="has no 0"):
        many.amend(body, {(0, "a"): 2})
    with pytest.raises(Unencodable, match="many records"):
        many.write({"a": 1})


def test_decimals_keep_all_their_digits() -> None:
    body = b'{"a": 1.10, "b": 0.1000000000000000055511151231257827, "c": 1E+400}'
    found = Json().read(body)
    assert [str(found[name]) for name in "abc"] == ["1.10", "0.1000000000000000055511151231257827", "1E+400"]
    assert Json().write(found) == body


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be"])
def test_amending_keeps_every_other_byte(encoding: str) -> None:
    text = ' {"a" : [ 1 , {"b": "é\\"]"} ],\n "c":-0.50e2, "c"\t:\t"x" }\n'
    amended = Json().amend(text.encode(encoding), {("a", 1, "b"): "ü", ("c",): Decimal("2.50")})
    assert amended == text.replace('"é\\"]"', '"\\u00fc"').replace('"x"', "2.50").encode(encoding)


@given(_objects, st.data())
def test_an_amended_value_is_the_only_one_that_changes(payload: dict[str, Any], data: st.DataObject) -> None:
    payload = {"first": 1, **payload}
    name = data.draw(st.sampled_from(sorted(payload)))
    value = data.draw(_values)
    body = Json().write(payload)
    assert Json().read(Json().amend(body, {(name,): value})) == {**payload, name: value}
    assert Json().amend(body, {(name,): payload[name]}) == body


@pytest.mark.parametrize(
    "path", [("c",), ("a", 2), ("a", -1), ("a", "0"), (0,), ("b", "x"), ("b", 0), ("e",), ("e", 0)], ids=str
)
def test_nothing_is_ever_added(path: tuple[str | int, ...]) -> None:
    with pytest.raises(Unencodable, match="has no"):
        Json().amend(b'{"a": [1, 2], "b": "x", "d": {}, "f": []}', {path: 1})


def test_a_value_and_a_part_of_it_are_not_replaced_both() -> None:
    with pytest.raises(Unencodable, match=r"a and a\.0"):
        Json().amend(b'{"a": [1, 2]}', {("a",): [], ("a", 0): 1})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed"), (b"\xff", "encoding"), (b'{"a": secret}', "malformed"), (b'{"a": 1} secret', "malformed"),
        (b"[1]", "malformed"), (b'"secret"', "malformed"), (b'{"a": NaN}', "malformed"),
        (b'{"a": -Infinity}', "malformed"), (b'{"a": "secret', "malformed"), (b'{"a": ' + b"9" * 5000, "malformed"),
        (b'{"a": 1e999999999999999999999}', "malformed"), (b'{"a":' * 100_000, "too_deep"),
        (b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), "too_deep"), (b'"' + b"x" * (1 << 20) + b'"', "too_large"),
    ],
    ids=lambda value: repr(value[:16]),
)  # fmt: skip
def test_what_is_no_object_is_undecodable_and_not_quoted(body: bytes, reason: str) -> None:
    with pytest.raises(Undecodable) as caught:
        Json().read(body)
    assert caught.value.reason == reason
    assert "secret" not in str(caught.value)
    with pytest.raises(Unencodable):
        Json().amend(body, {("a",): 1})


def test_brackets_in_texts_are_not_counted_as_depth() -> None:
    payload = {"a": '["\\' * 100, "b": [[]] * 100}
    assert Json().read(Json().write(payload)) == payload


@pytest.mark.parametrize(
    "value", [{1: 2}, {"a": b""}, {"a": float("nan")}, {"a": Decimal("NaN")}, {"a": {1, 2}}], ids=str
)
def test_what_json_cannot_hold_is_unencodable(value: Any) -> None:
    with pytest.raises(Unencodable):
        Json().write(value)
    with pytest.raises(Unencodable, match="a"):
        Json().amend(b'{"a": 1}', {("a",): value})


def test_a_format_is_chosen_by_content_type() -> None:
    both = choice({"default": "json", "by_media": {"Application/X-Many": {"type": "json", "many": True}}})
    assert both.of("application/x-many; charset=utf-8").read(b"[{}]") == {"records": [{}]}
    assert both.of("").read(b"{}") == {}
    assert choice("json").of("text/anything").read(b"{}") == {}
    with pytest.raises(Undecodable) as caught:
        choice({"by_media": {"application/json": "json"}}).of("text/plain")
    assert caught.value.reason == "media_type"


@pytest.mark.parametrize("value", [{}, "yaml", {"type": "json", "max": 1}, 5])
def test_a_choice_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        choice(value)
