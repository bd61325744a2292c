"""Payloads that fit a compiled element: what Hypothesis needs to try every construct of a schema."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st

from adapters.soap.lexical import Simple
from adapters.soap.moments import parse_date, parse_datetime, parse_time
from adapters.soap.particles import (
    ANY,
    ORDER,
    UNBOUNDED,
    Anything,
    Array,
    Complex,
    Element,
    Group,
    Wildcard,
    arrange,
    highest,
    unruly,
    variant_labels,
)

Strategy = st.SearchStrategy[Any]

TEXT = st.one_of(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\ufffe\uffff", exclude_categories=("Cs", "Cc")), max_size=9
    ),
    st.sampled_from(["", "\r\n", "\t x \n", "]]>", "<!--", "&amp;", " ", "\U0001f600"]),
)
WORD = st.from_regex(r"[A-Za-z_][A-Za-z0-9]{0,7}", fullmatch=True)
ZONES = st.one_of(st.none(), st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes))))
ZONE_TEXTS = st.sampled_from(["", "Z", "+02:00", "-13:30"])
RAW = st.sampled_from(
    [
        '<x:E xmlns:x="urn:x"><x:F>1</x:F></x:E>',
        '<E xmlns="urn:y" a="1">t<!-- c --></E>',
        '<p:Q xmlns:p="urn:p" p:a="&lt;"/>',
        '<k:K xmlns:k="urn:k" xmlns:v="urn:v">v:name</k:K>',
        "<plain/>",
    ]
)
QNAMES = st.sampled_from(["local", "{urn:x}name", "{urn:constructs}Kind"])

BUILTINS: dict[str, Strategy] = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "integer": st.integers(),
    "unsignedByte": st.integers(0, 255),
    "boolean": st.booleans(),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False),
    "Money": st.integers(-(10**11), 10**11).map(lambda n: Decimal(n).scaleb(-2)),
    "Amount": st.integers(-(10**9), 10**9).map(lambda n: Decimal(n).scaleb(-2)),
    "double": st.floats(allow_nan=False),
    "float": st.floats(allow_nan=False),
    "date": st.one_of(
        st.dates(), st.builds(lambda day, zone: parse_date(day.isoformat() + zone), st.dates(), ZONE_TEXTS)
    ),
    "dateTime": st.one_of(
        st.datetimes(timezones=ZONES),
        st.sampled_from(["2004-05-06T07:08:09.1234567", "2004-05-06T07:08:09.0000001Z"]).map(parse_datetime),
    ),
    "time": st.one_of(st.times(timezones=ZONES), st.just("07:08:09.1234567Z").map(parse_time)),
    "duration": st.sampled_from(["P1Y2M3DT4H5M6.7S", "-PT0S"]),
    "gYearMonth": st.sampled_from(["2004-05", "2004-05Z"]),
    "string": TEXT,
    "token": st.sampled_from(["", "a", "a b"]),
    "anyURI": st.sampled_from(["", "http://x/?a=1&b"]),
    "base64Binary": st.binary(max_size=9),
    "hexBinary": st.binary(max_size=9),
    "NCName": WORD,
    "ID": WORD,
    "Grade": st.sampled_from(["A", "B&"]),
    "Name": st.from_regex(r"[A-Z][a-z]{0,8}", fullmatch=True),
    "Code": st.from_regex(r"[A-Z0-9]{1,3}", fullmatch=True),
    "guid": TEXT,
    "Codes": st.lists(st.integers(-9, 9), max_size=3),
    "Either": st.one_of(st.integers(-9, 9), st.just("none"), st.booleans()),
}
SCALARS = st.one_of(
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False),
    st.binary(max_size=4),
    st.dates(),
    TEXT,
    st.decimals(allow_nan=False, allow_infinity=False),
    st.datetimes(),
    st.times(),
)


@cache
def payloads(element: Element) -> Strategy:
    """What may stand in Body's child."""
    values = _values(element, 3)
    return (
        values
        if isinstance(element.type, Complex) and element.type.text is None
        else values.map(lambda v: {"#text": v})
    )


def same(left: Any, right: Any) -> bool:
    """Equality that also looks at types, zones and digits."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(one, two) for one, two in zip(left, right, strict=True))
    if isinstance(left, date | time | datetime) and left.__class__ is not right.__class__:
        return False
    return left == right and vars_of(left) == vars_of(right) and isinstance(left, bool) == isinstance(right, bool)


def vars_of(value: Any) -> tuple[str, str]:
    return getattr(value, "zone", ""), getattr(value, "fraction", "")


def _values(element: Element, depth: int) -> Strategy:
    values = _typed(element, depth)
    return st.one_of(values, st.none()) if element.nillable else values


def _typed(element: Element, depth: int) -> Strategy:
    kind = element.type
    if isinstance(kind, Simple):
        return _simple(kind)
    if isinstance(kind, Wildcard):
        return RAW.map(lambda text: text.replace("<!-- c -->", ""))
    if isinstance(kind, Anything):
        name = f'<q:{element.name[1]} xmlns:q="{element.name[0]}" a="1"><b/></q:{element.name[1]}>'
        return st.one_of(SCALARS, st.just({ANY: name})) if element.name[0] else SCALARS
    if isinstance(kind, Array):
        item = Element(("", "item"), kind.item, nillable=True)
        return st.lists(_values(item, depth - 1), max_size=2 if depth > 0 else 0)
    return _complex(kind, depth)


def _simple(kind: Simple) -> Strategy:
    if kind.named:
        return QNAMES
    named = BUILTINS.get(kind.name)
    assert named is not None, f"no values for {kind.name}"
    return named


def _complex(kind: Complex, depth: int) -> Strategy:
    own = _own(kind, depth)
    labels = variant_labels(kind).items() if depth > 0 else ()
    variants = [
        _named(_own(kind.variants[name], depth), label) for name, label in labels if not kind.variants[name].abstract
    ]
    return st.one_of(*([] if kind.abstract else [own]), *variants)


def _named(values: Strategy, label: str) -> Strategy:
    return values.map(lambda value: {**value, "@xsi:type": label})


def _own(kind: Complex, depth: int) -> Strategy:
    attributes = {one.key: _simple(one.type) for one in kind.attributes}
    needed = {one.key: attributes[one.key] for one in kind.attributes if one.required}
    if kind.text is not None:
        needed["#text"] = _simple(kind.text)
    if kind.any_attribute:
        attributes |= {"@free": st.just("x"), "@{urn:far}free": TEXT.filter(lambda text: "\r" not in text)}
    optional = {key: value for key, value in attributes.items() if key not in needed}
    fields = st.fixed_dictionaries(needed, optional=optional)
    if kind.text is not None:
        return fields
    return st.builds(lambda found, placed: {**found, **_grouped(kind, placed)}, fields, _round(kind.content, depth))


def _grouped(kind: Complex, placed: list[tuple[str, Any]]) -> dict[str, Any]:
    most, lists = highest(kind.content), dict[str, list[Any]]()
    for key, value in placed:
        lists.setdefault(key, []).append(value)
    found: dict[str, Any] = {key: values if most[key] > 1 else values[0] for key, values in lists.items()}
    order = [key for key, _ in placed]
    if unruly(kind.content) and [one.key for one, _, _ in arrange(kind.content, lists)] != order:
        found[ORDER] = order
    return found


def _round(group: Group, depth: int) -> Strategy:
    """Keys and values in an order that the group allows."""
    one = st.one_of([_item(item, depth) for item in group.items]) if group.kind == "choice" else _sequence(group, depth)
    high = min(group.high, 3) if depth > 0 else group.low
    if (group.low, high) == (1, 1):
        return one
    return st.lists(one, min_size=group.low, max_size=max(high, group.low)).map(_joined)


def _joined(parts: Iterable[list[Any]]) -> list[Any]:
    return [one for part in parts for one in part]


def _sequence(group: Group, depth: int) -> Strategy:
    return st.tuples(*(_item(item, depth) for item in group.items)).map(_joined)


def _item(item: Element | Group, depth: int) -> Strategy:
    if isinstance(item, Group):
        return _round(item, depth)
    low, high = item.low, min(item.high, item.low + 2) if item.high < UNBOUNDED else item.low + 2
    if depth <= 0 and low == 0:
        return st.just([])
    values = st.lists(st.deferred(lambda: _values(item, depth - 1)), min_size=low, max_size=high)
    return values.map(lambda found: [(item.key, value) for value in found])
