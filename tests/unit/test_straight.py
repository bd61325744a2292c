"""Straight code gives what the loop beside it gives, or nothing at all."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import Path, Unmappable
from gateway.fields import Field, Fields
from gateway.layout import Layout, Written
from gateway.straight import reading, writing
from tests.unit.test_fields import SOURCES

PATHS: tuple[Path, ...] = (("A",), ("A", "B"), ("A", "B", "C"), ("A", "@x"), ("B",), ("#text",), ("it's {\n}", "'"))
APART = [path for path in PATHS if path not in (("A",), ("A", "B"))]
"""Paths of which none leads through another's end."""


def number(value: Any) -> Any:
    """A way that gives values back, refuses some, and gives nothing for others."""
    if value == "x":
        raise ValueError("is no number")
    return None if value in (None, "") else value


@given(
    st.lists(st.tuples(st.sampled_from(PATHS), st.booleans(), st.sampled_from([None, int])), max_size=6),
    st.dictionaries(st.sampled_from(["A", "B", "#text", "it's {\n}"]), SOURCES, max_size=4),
)
def test_what_straight_code_reads_the_loop_reads_too(
    fields: list[tuple[Path, bool, type | None]], source: dict[str, Any]
) -> None:
    made = [Field(str(at), where, number, optional, kind) for at, (where, optional, kind) in enumerate(fields)]
    try:
        straight = reading(made)(source)
    except ValueError:
        straight = None
    try:
        read: Mapping[str, Any] | None = Fields(made)._read(source, "")
    except Unmappable:
        read = None
    assert straight is None or (straight == read and list(straight) == list(read))


def test_a_plain_source_is_read_by_straight_code(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = Fields([Field("a", ("A", "it's {\n}"), number, False, int), Field("b", ("A", "B"), number, True)])
    monkeypatch.delattr(Fields, "_read")
    assert fields.read({"A": {"it's {\n}": 1, "B": 2}}) == {"a": 1, "b": 2}
    assert fields.read({"A": {"it's {\n}": 1}}) == {"a": 1}


@pytest.mark.parametrize("kind", [None, int])
def test_an_element_that_also_has_attributes_is_left_to_the_loop(kind: type | None) -> None:
    field, source = Field("a", ("A",), lambda value: value, False, kind), {"A": {"#text": 1, "@x": 2}}
    assert reading([field])(source) is None
    assert Fields([field]).read(source) == {"a": 1}


@given(st.data())
def test_what_straight_code_writes_the_loop_writes_too(data: st.DataObject) -> None:
    places = data.draw(st.lists(st.sampled_from(APART), unique=True))
    written = [
        Written(str(at), where, number if data.draw(st.booleans()) else None, "k", data.draw(st.booleans()))
        for at, where in enumerate(places)
    ]
    record = {str(at): data.draw(st.sampled_from([None, "", "x", 1])) for at in range(len(written))}
    layout = Layout(written)
    try:
        straight = writing(written)(record)
    except ValueError:
        straight = None
    try:
        filled: Mapping[str, Any] | None = layout._filled(record)
    except Unmappable:
        filled = None
    assert straight == filled
    assert straight is None or list(straight) == list(filled or ())


def test_a_plain_message_is_written_by_straight_code_and_one_with_lists_by_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = Layout([Written("a", ("A", "B"), number, None, False), Written("c", ("A", "C"), None, "k", True)])
    listed = Layout([Written("a", ("A", 1), number, None, False)])
    assert listed.filled({"a": 2}) == {"A": [None, 2]}
    monkeypatch.delattr(Layout, "_filled")
    assert plain.filled({"a": 2}) == {"A": {"B": 2, "C": "k"}}
