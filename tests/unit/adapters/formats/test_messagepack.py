"""MessagePack: known bytes of its specification, bounded, and amended without touching another byte."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.formats.bounds import DEPTH
from adapters.formats.config import MessagePackSettings
from adapters.formats.messagepack import MessagePack
from gateway.contract import Path, Undecodable, Unencodable

ONE, MANY = MessagePack(MessagePackSettings()), MessagePack(MessagePackSettings(many=True))
_scalars = (
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary() | st.datetimes(timezones=st.just(UTC))
)  # fmt: skip
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=15,
)
_objects = st.dictionaries(st.text("abc", max_size=3), _values, max_size=4)


def test_known_bytes() -> None:
    # fixmap of 2, fixstr "a" and 5, fixstr "b" and an array of true and nil, by the specification's own table
    body = bytes.fromhex("82" + "a161" + "05" + "a162" + "92c3c0")
    assert ONE.read(body) == {"a": 5, "b": [True, None]}
    assert ONE.write({"a": 5, "b": [True, None]}) == body
    assert ONE.amend(body, {("b", 0): "x", ("a",): 6}).hex() == "82a16106a16292a178c0"
    wide = bytes.fromhex("81" + "d90161" + "cd0005")  # a longer spelling of "a" and of 5
    assert ONE.amend(wide, {("a",): 5}) == wide
    assert MANY.read(b"\x92\x80" + body) == {"records": [{}, ONE.read(body)]}


@given(_objects)
def test_any_payload_comes_back(payload: Mapping[str, Any]) -> None:
    assert ONE.read(ONE.write(payload)) == payload
    assert MANY.read(MANY.write({"records": [payload] * 2})) == {"records": [payload] * 2}


@given(_objects, _values)
def test_one_value_is_amended_alone(payload: dict[str, Any], value: Any) -> None:
    payload = {"first": 1, **payload, "last": [0, {"x": 1}]}
    body = ONE.write(payload)
    for name in payload:
        assert ONE.read(ONE.amend(body, {(name,): value})) == {**payload, name: value}
        assert ONE.amend(body, {(name,): payload[name]}) == body
    assert ONE.read(ONE.amend(body, {("last", 1, "x"): value})) == {**payload, "last": [0, {"x": value}]}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("5.00"), 5),
        (Decimal("0.1"), 0.1),
        (date(2004, 5, 6), "2004-05-06"),
        (datetime(2004, 5, 6), "2004-05-06T00:00:00"),
    ],
)
def test_what_messagepack_does_not_have(value: Any, written: Any) -> None:
    assert ONE.read(ONE.write({"a": value})) == {"a": written}


@pytest.mark.parametrize(
    "value",
    [
        Decimal("0.1000000000000000000001"),
        Decimal("NaN"),
        float("inf"),
        1 << 64,
        {1: 2},
        {1, 2},
        object(),
        Decimal("1e999"),
    ],
)
def test_what_it_cannot_hold_is_unencodable(value: Any) -> None:
    with pytest.raises(Unencodable):
        ONE.write({"a": value})
    with pytest.raises(Unencodable, match="a"):
        ONE.amend(b"\x81\xa1a\x01", {("a",): value})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed"), (b"\xc1", "malformed"), (b"\x90", "malformed"), (b"\x81\xa1a", "malformed"),
        (b"\x80\x80", "malformed"), (b"\x81\x01\x02", "malformed"), (b"\x81\xc4\x01a\x02", "malformed"),
        (b"\xdf\xff\xff\xff\xff", "malformed"), (b"\x81\xa1a\xdd\xff\xff\xff\xff", "malformed"),
        (b"\x81\xa1a\xdb\xff\xff\xff\xff", "malformed"), (b"\x81\xa1a\xd4\x05\x00", "malformed"),
        (b"\x81\xa1a\xcb\x7f\xf8\0\0\0\0\0\0", "malformed"), (b"\x81\xa1a\xa1\xff", "malformed"),
        (b"\x81\xa1a" * (DEPTH + 1) + b"\x01", "too_deep"), (b"\x81\xa1a" * 100_000, "malformed"),
        (b"\x81\xa1a\xc6\0\x20\0\0" + b"x" * (1 << 21), "too_large"),
        (b"\x81\xa1a\xc7\x0c\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "malformed"),
    ],
    ids=lambda value: repr(value[:16]),
)  # fmt: skip
def test_what_is_no_map_is_undecodable(body: bytes, reason: str) -> None:
    with pytest.raises(Undecodable) as caught:
        ONE.read(body)
    assert caught.value.reason == reason
    with pytest.raises(Unencodable):
        ONE.amend(body, {("a",): 1})


@pytest.mark.parametrize(
    "path", [("c",), ("a", "x"), ("a", 0), ("b", 2), ("b", -1), ("b", "0"), (0,), ("b", 0, "x")], ids=str
)
def test_nothing_is_ever_added(path: Path) -> None:
    with pytest.raises(Unencodable, match="has no"):
        ONE.amend(ONE.write({"a": 1, "b": [1, 2]}), {path: 1})
    with pytest.raises(Unencodable, match="has no"):
        MANY.amend(MANY.write({"records": [{"a": 1}]}), {path: 1})


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_undecodable(body: bytes) -> None:
    try:
        assert isinstance(ONE.read(body), dict)
    except Undecodable:
        return
